# The disclosure job: unwraps what a logged Intent allows, in its own namespace's mount only, and signs the package's
# manifest with a key for nothing else. Which camera and hours is held by the job's code and shown by the log against
# Vault's audit log: a rule on names could not say it, as one request may carry many ciphertexts.
#
# Vault puts the ServiceAccount's namespace into the paths; a token without one matches no rule.

# Public halves: the log's key, to check the Intent's proof, and the manifest's, to name it in the package.
path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/keys/+" {
  capabilities = ["read"]
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/decrypt/camera-*" {
  capabilities       = ["update"]
  allowed_parameters = { "batch_input" = [] }
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/decrypt/epoch-*" {
  capabilities       = ["update"]
  allowed_parameters = { "batch_input" = [] }
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/decrypt/hold-*" {
  capabilities       = ["update"]
  allowed_parameters = { "batch_input" = [] }
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/decrypt/release-*" {
  capabilities       = ["update"]
  allowed_parameters = { "batch_input" = [] }
}

path "@MOUNT_PREFIX@/{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}/sign/manifest" {
  capabilities       = ["create", "update"]
  allowed_parameters = { "input" = [] }
}
