# The operator: makes tenants' Transit mounts and their keys, signs the disclosure log. It decrypts nothing and
# destroys nothing.
#
# Reading these rules: `+` is exactly one path segment. No rule that may create ends in a glob: `keys/camera-*` would
# also cover `keys/camera-x/config` and `keys/camera-x/import`, and of two rules that match, the one whose first
# wildcard comes later wins, so a deny on `keys/+/config` would not take that back. What is not written here is denied.

# One mount per tenant namespace, of one kind. Not `/*`, which would reach `…/<namespace>/tune`.
path "sys/mounts/@MOUNT_PREFIX@/+" {
  capabilities       = ["create", "update", "read"]
  allowed_parameters = { "type" = ["transit"] }
}

# `+` would also match this: tuning whatever is mounted at the prefix itself.
path "sys/mounts/@MOUNT_PREFIX@/tune" {
  capabilities = ["deny"]
}

path "@MOUNT_PREFIX@/+/keys" {
  capabilities = ["list"]
}

path "@MOUNT_PREFIX@/+/keys/" {
  capabilities = ["list"]
}

# Wrapping keys, which nobody can take out of Vault. An existing key is not changed by being made again. The type is
# not a required parameter: Vault would require it of reads, too. Left out, it gives a symmetric key that is as tightly
# kept, and that the operator refuses to use.
path "@MOUNT_PREFIX@/+/keys/+" {
  capabilities       = ["create", "update", "read"]
  allowed_parameters = { "type" = ["rsa-3072"], "exportable" = [false], "allow_plaintext_backup" = [false] }
}

# Signing keys: the log's, and the packages' manifests'.
path "@MOUNT_PREFIX@/+/keys/log" {
  capabilities       = ["create", "update", "read"]
  allowed_parameters = { "type" = ["ed25519"], "exportable" = [false], "allow_plaintext_backup" = [false] }
}

path "@MOUNT_PREFIX@/+/keys/manifest" {
  capabilities       = ["create", "update", "read"]
  allowed_parameters = { "type" = ["ed25519"], "exportable" = [false], "allow_plaintext_backup" = [false] }
}

# Destroying takes two: this allows it, the retention role does it. The same endpoint could make a key exportable, or
# raise the version from which it decrypts, so nothing else may be sent.
path "@MOUNT_PREFIX@/+/keys/+/config" {
  capabilities        = ["create", "update"]
  allowed_parameters  = { "deletion_allowed" = [true, false] }
  required_parameters = ["deletion_allowed"]
}

# Without them the log and the packages could no longer be verified.
path "@MOUNT_PREFIX@/+/keys/log/config" {
  capabilities = ["deny"]
}

path "@MOUNT_PREFIX@/+/keys/manifest/config" {
  capabilities = ["deny"]
}

path "@MOUNT_PREFIX@/+/sign/log" {
  capabilities       = ["create", "update"]
  allowed_parameters = { "input" = [] }
}
