//! The storage contract over each backend.

#[cfg(test)]
mod storage {
    mod contract;
    mod sqlite;
}
