# The retention job: destroys the keys that the operator released for it, in its own namespace's mount only. It reads
# no footage: epoch shares alone open nothing, and it has none of the camera keys' decryption.
#
# Vault puts the ServiceAccount's namespace into the paths; a token without one matches no rule.

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/keys" {
  capabilities = ["list"]
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/keys/" {
  capabilities = ["list"]
}

# Reading gives public halves. Vault refuses to delete a key before the operator has set deletion_allowed.
path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/keys/+" {
  capabilities = ["read", "delete"]
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/keys/log" {
  capabilities = ["read"]
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/keys/manifest" {
  capabilities = ["read"]
}

# For a legal hold: the epoch share of a held segment, out of the epoch key and into the hold's. No create, which
# would make a key that nobody asked for.
path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/decrypt/epoch-*" {
  capabilities       = ["update"]
  allowed_parameters = { "batch_input" = [] }
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/encrypt/hold-*" {
  capabilities       = ["update"]
  allowed_parameters = { "batch_input" = [] }
}
