//! The official components, for the programs that know them without a network: hub and command line.

/// Name, version and text of every official version; of one component the newest version first, which is also its
/// `latest`.
pub(crate) const EMBEDDED: [(&str, &str, &str); 1] =
    [("kaniko", "0.1", include_str!("kaniko/0.1.yaml"))];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../components");
        let mut found = Vec::new();
        for component in std::fs::read_dir(folder).unwrap().flatten() {
            let name = component.file_name().into_string().unwrap();
            let Ok(versions) = std::fs::read_dir(component.path()) else {
                continue;
            };
            for version in versions.flatten() {
                let file = version.file_name().into_string().unwrap();
                let version = file.strip_suffix(".yaml").unwrap();
                let text = std::fs::read_to_string(version_path(folder, &name, version)).unwrap();
                found.push((name.clone(), version.to_owned(), text));
            }
        }
        found.sort();
        let mut listed: Vec<(String, String, String)> = EMBEDDED
            .iter()
            .map(|(name, version, text)| {
                (
                    (*name).to_owned(),
                    (*version).to_owned(),
                    (*text).to_owned(),
                )
            })
            .collect();
        listed.sort();
        assert_eq!(listed, found);
    }

    fn version_path(folder: &str, name: &str, version: &str) -> String {
        format!("{folder}/{name}/{version}.yaml")
    }
}
