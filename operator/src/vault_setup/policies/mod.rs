//! The three policies, as static HCL with two placeholders.

/// Who a policy and a role are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Operator,
    Retention,
    Disclosure,
}

impl Party {
    pub(super) const ALL: [Self; 3] = [Self::Operator, Self::Retention, Self::Disclosure];

    /// The policy's and the role's name behind the prefix, and a job's ServiceAccount.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Retention => "retention",
            Self::Disclosure => "disclosure",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Operator => include_str!("operator.hcl"),
            Self::Retention => include_str!("retention.hcl"),
            Self::Disclosure => include_str!("disclosure.hcl"),
        }
    }

    /// The policy for mounts below `mount_prefix` and accounts of the auth method with this accessor.
    pub(super) fn policy(self, mount_prefix: &str, accessor: &str) -> String {
        self.template().replace("@MOUNT_PREFIX@", mount_prefix).replace("@AUTH_ACCESSOR@", accessor)
    }
}

/// A path without wildcards, templates or quotes: it becomes part of every rule.
pub(super) fn is_plain_path(text: &str) -> bool {
    text.split('/').all(|segment| {
        !segment.is_empty()
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && !segment.bytes().all(|b| b == b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled() {
        for party in Party::ALL {
            let policy = party.policy("some/prefix", "auth_kubernetes_1");
            assert!(!policy.contains('@'), "{policy}");
            assert!(policy.contains("some/prefix/"), "{policy}");
        }
    }

    #[test]
    fn no_rule_that_may_create_ends_in_a_glob() {
        for party in Party::ALL {
            for rule in party.policy("p", "a").split("path \"").skip(1) {
                let path = rule.split('"').next().unwrap();
                let creates = rule.contains("\"create\"");
                assert!(!(path.ends_with('*') && creates), "{path}");
            }
        }
    }

    #[test]
    fn a_prefix_cannot_widen_a_rule() {
        assert!(is_plain_path("camerafleet") && is_plain_path("video/camerafleet"));
        for bad in ["", "+", "a/+", "a*", "a/", "/a", "a/../b", "a\"", "{{identity.entity.id}}", "a b", "a\n"]
        {
            assert!(!is_plain_path(bad), "{bad:?}");
        }
    }
}
