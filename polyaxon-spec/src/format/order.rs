//! The order of fields: that of the tables that files are checked by. What people name themselves keeps its order.

use std::collections::HashMap;

use super::settings;
use super::tree::{Block, Child, File, Value};
use crate::model::{Kind, Model, ROOT, any_run, param, runtimes};
use crate::yaml::camel;

/// The fields of a container in the order in which Kubernetes declares them; the others follow.
const CONTAINER: &[&str] = &[
    "name",
    "image",
    "imagePullPolicy",
    "command",
    "args",
    "workingDir",
    "env",
    "envFrom",
    "ports",
    "resources",
    "volumeMounts",
];

/// Brings the fields of every section into order.
pub(super) fn arrange(file: &mut File) {
    if settings::is_agents(file) {
        settings::arrange(file);
    } else {
        section(&mut file.root, &ROOT);
    }
}

fn section(block: &mut Block, model: &'static Model) {
    if block.is_sequence {
        return;
    }
    for child in &mut block.children {
        let field = model.field(&camel(&child.key));
        if let (Some(field), Value::Block { block, .. }) = (field, &mut child.value) {
            value(block, &field.kind);
        }
    }
    sort(block, |name| {
        model.fields.iter().position(|field| field.name == name)
    });
}

fn value(block: &mut Block, kind: &'static Kind) {
    match kind {
        Kind::Model(model) => section(block, model),
        Kind::Tagged(models) => {
            if let Some(model) = tagged(block, models) {
                section(block, model);
            }
        }
        Kind::Run => section(block, tagged(block, runtimes()).unwrap_or_else(any_run)),
        Kind::RunPatch => section(block, any_run()),
        Kind::Component => section(block, &ROOT),
        Kind::List(item) if block.is_sequence => {
            for block in inner(block) {
                value(block, item);
            }
        }
        Kind::Params(_) if !block.is_sequence => {
            for block in inner(block).filter(|block| is_long_param(block)) {
                section(block, param());
            }
        }
        Kind::Kubernetes(object) if object.name == "a container" && !block.is_sequence => {
            sort(block, |name| {
                CONTAINER.iter().position(|field| *field == name)
            });
        }
        _ => {}
    }
}

fn inner(block: &mut Block) -> impl Iterator<Item = &mut Block> {
    block
        .children
        .iter_mut()
        .filter_map(|child| match &mut child.value {
            Value::Block { block, .. } => Some(block),
            Value::Leaf(_) => None,
        })
}

/// Whether a value is a param in long form, and no mapping that a param has as its value.
fn is_long_param(block: &Block) -> bool {
    let mut keys = block.children.iter().map(|child| camel(&child.key));
    keys.any(|key| param().field(&key).is_some())
}

fn tagged(block: &Block, models: &[(&str, &'static Model)]) -> Option<&'static Model> {
    let kind = block.children.iter().find(|child| child.key == "kind")?;
    let Value::Leaf(leaf) = &kind.value else {
        return None;
    };
    let found = leaf.text.as_deref()?;
    let (_, model) = models.iter().find(|(name, _)| *name == found)?;
    Some(model)
}

/// Sorts by the place of the names; merge keys come first, and names without a place last, in the order in which they
/// were written.
pub(super) fn sort(block: &mut Block, place: impl Fn(&str) -> Option<usize>) {
    let place_of = |child: &Child| match child.key.as_str() {
        "<<" => 0,
        key => place(&camel(key)).map_or(usize::MAX, |place| place + 1),
    };
    let mut order: Vec<usize> = (0..block.children.len()).collect();
    order.sort_by_cached_key(|index| block.children.get(*index).map(place_of));
    if !keeps_anchors(&block.children, &order) {
        return;
    }
    let mut children: Vec<Option<Child>> = block.children.drain(..).map(Some).collect();
    let sorted = order
        .into_iter()
        .filter_map(|index| children.get_mut(index).and_then(Option::take));
    block.children.extend(sorted);
}

/// Whether the children that share an anchor stay in their order.
fn keeps_anchors(children: &[Child], order: &[usize]) -> bool {
    let given: Vec<&str> = children
        .iter()
        .flat_map(|child| &child.anchors)
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut latest: HashMap<&str, usize> = given.into_iter().map(|name| (name, 0)).collect();
    order.iter().all(|index| {
        let anchors = children.get(*index).map(|child| &child.anchors);
        anchors.into_iter().flatten().all(|(name, _)| {
            let Some(latest) = latest.get_mut(name.as_str()) else {
                return true;
            };
            let is_after = *index >= *latest;
            *latest = *index;
            is_after
        })
    })
}
