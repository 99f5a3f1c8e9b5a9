//! Users and groups of the image under construction.

use std::fs;
use std::path::{Path, PathBuf};

use super::Root;

/// User and group that own a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owner {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

/// A user that commands run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// User and first group.
    pub owner: Owner,
    /// Name, or the number when the image does not know it.
    pub name: String,
    /// Home folder.
    pub home: PathBuf,
    /// Further groups.
    pub groups: Vec<u32>,
}

/// Why a name means nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// No such user.
    #[error("user {0} is not a uid and does not exist on the system")]
    User(String),
    /// No such group.
    #[error("group {0} is not a gid and does not exist on the system")]
    Group(String),
}

/// Looks up `user` or `user:group`, names or numbers. A number that the image does not know is
/// its own group.
pub(crate) fn look_up(root: &Root, text: &str) -> Result<Account, Error> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let number: Option<u32> = user.parse().ok();
    let known = table(root, "/etc/passwd").into_iter().find_map(|fields| {
        let uid = fields.get(2)?.parse().ok()?;
        let gid = fields.get(3)?.parse().ok()?;
        let name = fields.first()?.clone();
        (name == user || number == Some(uid)).then(|| Account {
            owner: Owner { uid, gid },
            name,
            home: PathBuf::from(fields.get(5).map_or("/", String::as_str)),
            groups: Vec::new(),
        })
    });
    let mut account = match (known, number) {
        (Some(account), _) => account,
        (None, Some(number)) => Account {
            owner: Owner {
                uid: number,
                gid: number,
            },
            name: user.to_owned(),
            home: PathBuf::from("/"),
            groups: Vec::new(),
        },
        (None, None) => return Err(Error::User(user.to_owned())),
    };
    let groups = table(root, "/etc/group");
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        account.owner.gid = groups
            .iter()
            .find(|fields| fields.first().is_some_and(|name| name == group))
            .and_then(|fields| fields.get(2)?.parse().ok())
            .or_else(|| group.parse().ok())
            .ok_or_else(|| Error::Group(group.to_owned()))?;
    }
    account.groups = groups
        .iter()
        .filter(|fields| {
            fields
                .get(3)
                .is_some_and(|members| members.split(',').any(|name| name == account.name))
        })
        .filter_map(|fields| fields.get(2)?.parse().ok())
        .collect();
    Ok(account)
}

/// The lines of a file of the image, split at colons; none when it cannot be read.
fn table(root: &Root, path: &str) -> Vec<Vec<String>> {
    root.resolve(Path::new(path), true)
        .ok()
        .and_then(|path| fs::read_to_string(root.at(&path)).ok())
        .unwrap_or_default()
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("app", Ok((1000, 1001)))]
    #[case("1000", Ok((1000, 1001)))]
    #[case("app:wheel", Ok((1000, 10)))]
    #[case("app:77", Ok((1000, 77)))]
    #[case("4242", Ok((4242, 4242)))]
    #[case(
        "nobody2",
        Err("user nobody2 is not a uid and does not exist on the system")
    )]
    #[case(
        "app:nil",
        Err("group nil is not a gid and does not exist on the system")
    )]
    fn names_and_numbers_are_found(#[case] text: &str, #[case] expected: Result<(u32, u32), &str>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/srv:/bin/sh\n",
        )
        .unwrap();
        fs::write(folder.path().join("etc/group"), "wheel:x:10:root,app\n").unwrap();
        let found = look_up(&Root::plain(folder.path()), text);
        assert_eq!(
            found
                .map(|a| (a.owner.uid, a.owner.gid))
                .map_err(|e| e.to_string()),
            expected.map_err(str::to_owned)
        );
    }
}
