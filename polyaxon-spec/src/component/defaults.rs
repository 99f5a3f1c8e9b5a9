//! Default values against the types that a component declares.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::{Io, refuse_errors};
use crate::params::coerce;
use crate::yaml::Node;

/// Refuses defaults that no run could use. Defaults with templates are known only when a run is.
pub(super) fn check(node: &Node, section: &str, ios: &[Io]) -> Result<(), Report> {
    let diagnostics = ios
        .iter()
        .enumerate()
        .filter_map(|(index, io)| {
            let value = io.value.as_ref().filter(|value| !value.is_null())?;
            let reason = coerce(io, value).err()?;
            let field_path = format!("{section}[{index}].value");
            let message = format!("the default of `{}` does not fit: {reason}", io.name);
            let mut diagnostic = Diagnostic::error(Code::BadIo, message)
                .with_help("change the default, or the type");
            diagnostic.place = node.find(&field_path).and_then(Node::place);
            Some(diagnostic.in_field(field_path))
        })
        .collect();
    refuse_errors(diagnostics).map(drop)
}
