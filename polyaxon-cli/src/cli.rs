//! The tree of commands.

use clap::{Parser, Subcommand};

use crate::commands;

/// Build container images and run jobs on your own hub and agents
#[derive(Parser)]
#[command(
    name = "polyaxon",
    version = polyaxon_proto::version::current(),
    arg_required_else_help = true,
    propagate_version = false,
    after_help = "Examples:
  polyaxon sandbox                         a hub and an agent on this machine
  polyaxon run -f build.yaml -l            run an operation and follow its log
  polyaxon run --hub kaniko -P destination=team/app:1
  polyaxon hub ls -c kaniko                versions of a component
  polyaxon ops ls                          runs, newest first

Exit statuses: 0 succeeded, 1 failed, 2 usage or invalid file, 3 stopped or skipped,
4 hub unreachable, 5 not allowed, 6 not found or conflict, 7 version skew, 130 Ctrl-C"
)]
pub(crate) struct Cli {
    /// Print what happens inside, to standard error
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command and its arguments.
#[derive(Subcommand)]
pub(crate) enum Command {
    Admin(commands::admin::Arguments),
    Check(commands::check::Arguments),
    Compile(commands::compile::Arguments),
    Completion(commands::completion::Arguments),
    #[command(visible_alias = "hub")]
    Components(commands::components::Arguments),
    Config(commands::config::Arguments),
    Convert(commands::convert::Arguments),
    Fmt(commands::fmt::Arguments),
    Init(commands::init::Arguments),
    Login(commands::login::Arguments),
    Logout(commands::logout::Arguments),
    #[command(alias = "op")]
    Ops(commands::ops::Arguments),
    #[command(alias = "projects")]
    Project(commands::project::Arguments),
    Run(commands::run::Arguments),
    Sandbox(commands::sandbox::Arguments),
    Schema(commands::schema::Arguments),
    Version(commands::version::Arguments),
    Whoami(commands::whoami::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_tree_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_tree() {
        let mut text = String::new();
        let mut root = Cli::command().term_width(100);
        root.build();
        describe(&mut root, "polyaxon", &mut text);
        insta::assert_snapshot!("help", text);
    }

    fn describe(command: &mut clap::Command, path: &str, text: &mut String) {
        use std::fmt::Write as _;
        let help = command.render_help();
        writeln!(text, "## {path}\n\n{help}").unwrap();
        for child in command.get_subcommands_mut() {
            if child.get_name() == "help" {
                continue;
            }
            let path = format!("{path} {}", child.get_name());
            *child = child.clone().term_width(100);
            describe(child, &path, text);
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let mut children = command
                .get_subcommands()
                .filter(|child| child.get_name() != "help")
                .peekable();
            if children.peek().is_none() {
                let after = command.get_after_help().map(ToString::to_string);
                assert!(
                    after.is_some_and(|text| text.contains("Example")),
                    "no example in the help of `{path}`"
                );
            }
            for child in children {
                check(child, &format!("{path} {}", child.get_name()));
            }
        }
        check(&Cli::command(), "polyaxon");
    }

    #[test]
    fn every_command_can_answer_programs() {
        // Neither answers with data: a script for a shell, and a platform that runs until Ctrl-C.
        const OTHERS: [&str; 2] = ["polyaxon completion", "polyaxon sandbox"];
        fn check(command: &clap::Command, path: &str) {
            let mut children = command
                .get_subcommands()
                .filter(|child| child.get_name() != "help")
                .peekable();
            if children.peek().is_none() && !OTHERS.contains(&path) {
                let output = command
                    .get_arguments()
                    .find(|argument| argument.get_id() == "output");
                let forms = output
                    .map(clap::Arg::get_possible_values)
                    .unwrap_or_default();
                assert!(
                    forms.iter().any(|form| form.get_name() == "json"),
                    "`{path}` has no `-o json`"
                );
            }
            for child in children {
                check(child, &format!("{path} {}", child.get_name()));
            }
        }
        check(&Cli::command(), "polyaxon");
    }

    #[rstest::rstest]
    #[case("whoam", "whoami")]
    #[case("projcet", "project")]
    fn a_mistyped_command_gets_a_suggestion(#[case] typed: &str, #[case] meant: &str) {
        let error = Cli::try_parse_from(["polyaxon", typed]).err().unwrap();
        assert!(error.to_string().contains(&format!("'{meant}'")), "{error}");
    }
}
