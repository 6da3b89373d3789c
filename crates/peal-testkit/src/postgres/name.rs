//! Names of databases. A test database is named after the process that owns it, so that what a killed process left can be
//! recognised and dropped by the next one.

use sqlx::migrate::Migrator;

/// The class of the advisory locks that live processes hold, one per owner.
pub(super) const OWNER_LOCK_CLASS: i32 = 0x7065_616c;

const PREFIX: &str = "peal_test_";

/// One process that makes test databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(pub(super) u32);

impl Owner {
    pub(super) fn fresh() -> Self {
        Self(uuid::Uuid::new_v4().as_fields().0)
    }

    pub(super) fn database(self, count: u64) -> String {
        format!("{PREFIX}{:08x}_{count}", self.0)
    }

    /// The owner of a test database, if it is one.
    pub(super) fn of_database(name: &str) -> Option<Self> {
        let (owner, count) = name.strip_prefix(PREFIX)?.split_once('_')?;
        count.parse::<u64>().ok()?;
        u32::from_str_radix(owner, 16).ok().filter(|_| owner.len() == 8).map(Self)
    }

    /// The second key of this owner's advisory lock.
    pub(super) fn lock_key(self) -> i32 {
        self.0.cast_signed()
    }
}

/// The template of these migrations. Another set of migrations has another name.
pub(super) fn template(migrator: &Migrator) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for migration in migrator.iter() {
        for byte in migration.version.to_le_bytes().iter().chain(migration.checksum.iter()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("peal_template_{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_tells_its_owner_and_foreign_names_have_none() {
        let owner = Owner::fresh();
        assert_eq!(Owner::of_database(&owner.database(7)), Some(owner));
        for foreign in
            ["postgres", "peal_template_0011223344556677", "peal_test_", "peal_test_12_3", "peal_test_0011223g_1", "peal_test_00112233_x"]
        {
            assert_eq!(Owner::of_database(foreign), None, "{foreign}");
        }
    }
}
