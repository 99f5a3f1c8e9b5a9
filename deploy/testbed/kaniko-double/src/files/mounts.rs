//! Mount points of the process.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// The mount points that a `mountinfo` file lists, without the root.
pub(super) fn parse(mountinfo: &str) -> Vec<PathBuf> {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|field| *field != "/")
        .map(unescape)
        .collect()
}

/// Reads the octal escapes of white space and backslashes.
fn unescape(field: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(b'\\');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read() {
        let text = "21 1 0:19 / / rw - overlay overlay rw\n\
                    22 21 0:20 / /proc rw,nosuid - proc proc rw\n\
                    23 21 8:1 /x /work\\040space ro - ext4 /dev/sda1 rw\n";
        assert_eq!(
            parse(text),
            [PathBuf::from("/proc"), PathBuf::from("/work space")]
        );
    }
}
