//! Settling a workspace: the agent's commits and what it left uncommitted become one branch in the
//! gateway's own git directory.
use gateway_os::folders::Durability;
use serde::{Deserialize, Serialize};

use super::agent::AgentRefs;
use super::diff::{self, DiffStat, FileChange};
use super::error::{Doing, ProjectError};
use super::git::{Call, GitError, Stdin};
use super::import::{Import, Quarantine};
use super::leftovers::{Scope, State, copy_index};
use super::note::Note;
use super::oid::{self, Oid};
use super::platform;
use super::registry::Isolation;
use super::workspace::{Workspace, Workspaces, blocking};
use crate::clock::Timestamp;

/// How many commits are listed.
const COMMITS_MAX: usize = 200;
/// How many tips besides the result are kept.
const ASIDE_MAX: usize = 32;

/// What a task made.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// The last commit of the result; `None` when there is none at all.
    pub head: Option<Oid>,
    /// Whether it differs from the base.
    pub changed: bool,
    /// The commits since the base, newest first, at most 200.
    pub commits: Vec<Commit>,
    /// How many commits there are.
    pub commits_total: u64,
    /// Whether the newest commit is the gateway's, holding what was left uncommitted.
    pub leftovers_committed: bool,
    /// The files that differ from the base.
    pub files: Vec<FileChange>,
    /// Their sums.
    pub stat: DiffStat,
    /// What the owner should know.
    pub notes: Vec<Note>,
}

/// A commit in a few words.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Its name.
    pub oid: Oid,
    /// Its author's name.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}

/// The agent's tips after import.
#[derive(Debug, Default)]
struct Tips {
    /// The commit of HEAD.
    head: Option<Oid>,
    /// The tip of the task's branch.
    branch: Option<Oid>,
    /// Other tips and their names.
    others: Vec<(String, Oid)>,
}

impl Workspaces {
    /// Settles the workspace after its agent has ended. May be repeated; the last one counts.
    ///
    /// The agent's own commits stay; what it left modified, new or deleted is committed on top by
    /// `gateway <gateway@localhost>`. Commits that cannot be taken over are told in the notes, and
    /// their files still count. In place nothing is committed in the owner's repository; the state
    /// is recorded in the gateway's own.
    ///
    /// When the future is dropped nothing is settled, and the call can be made again.
    ///
    /// # Errors
    ///
    /// [`ProjectError::TreeReplaced`], [`ProjectError::TreeDeleted`], [`ProjectError::ChangesTooLarge`], or what kept git or the
    /// disk from doing it.
    pub async fn settle(
        &self,
        workspace: &Workspace,
        now: Timestamp,
    ) -> Result<Settled, ProjectError> {
        workspace.renew_config()?;
        let mut notes = Vec::new();
        let tips = match workspace.isolation {
            Isolation::Clone => self.tips(workspace, &mut notes).await?,
            Isolation::None => Tips::default(),
        };
        let base = workspace.base.commit();
        // The tree belongs to the commit that the agent's HEAD stands at.
        let at = tips.head.as_ref().or(tips.branch.as_ref()).or(base);
        let mut parent = at.cloned();
        let mut state = self.state(workspace, parent.as_ref()).await?;
        let mut parent_tree = self.tree(workspace, parent.as_ref()).await?;
        // Looking at an older commit is no result: without changes there the branch itself counts.
        if let (Some(at), Some(tip)) = (&parent, &tips.branch)
            && at != tip
            && state.tree == parent_tree
            && self.is_ancestor(workspace.call("merge-base"), at, tip).await?
        {
            parent_tree = self.tree(workspace, Some(tip)).await?;
            state.tree = parent_tree.clone();
            parent = Some(tip.clone());
        }
        notes.append(&mut state.notes);
        let leftovers_committed = state.tree != parent_tree;
        let head = if leftovers_committed {
            let tree = &state.tree;
            let again = self.same_as_before(workspace, tree, parent.as_ref()).await?;
            let commit = if let Some(commit) = again {
                commit
            } else {
                let message = leftovers_message(workspace);
                let durability = Durability::Synced;
                self.commit(workspace, tree, parent.as_ref(), &message, now, durability).await?
            };
            Some(commit)
        } else {
            parent
        };
        self.keep(workspace, head.as_ref(), &tips, &mut notes).await?;
        let settled = self.describe(workspace, head, leftovers_committed, notes).await?;
        save(workspace, &settled)?;
        Ok(settled)
    }

    /// The result of the last [`Workspaces::settle`].
    ///
    /// # Errors
    ///
    /// [`ProjectError::NotSettled`] when there was none.
    pub fn settled(&self, workspace: &Workspace) -> Result<Settled, ProjectError> {
        let file = workspace.work_dir.join("settled.json");
        let bytes = std::fs::read(file).map_err(|_| ProjectError::NotSettled)?;
        serde_json::from_slice(&bytes).map_err(|_| ProjectError::NotSettled)
    }

    /// The gateway's commit of an earlier call, when it would make the same one again; so a branch
    /// that was published already stays the result.
    async fn same_as_before(
        &self,
        workspace: &Workspace,
        tree: &Oid,
        parent: Option<&Oid>,
    ) -> Result<Option<Oid>, ProjectError> {
        let Ok(Settled { head: Some(head), leftovers_committed: true, .. }) =
            self.settled(workspace)
        else {
            return Ok(None);
        };
        let call = workspace.call("log").args(["-n1", "--format=%T %P"]).revision(head.as_str());
        let before = self.git.run(call.no_paths()).await?.text();
        let now = format!("{tree} {}", parent.map_or("", Oid::as_str));
        Ok((before.trim() == now.trim()).then_some(head))
    }

    /// Reads the agent's refs and imports what they lead to.
    async fn tips(
        &self,
        workspace: &Workspace,
        notes: &mut Vec<Note>,
    ) -> Result<Tips, ProjectError> {
        let dot_git = workspace.tree.join(".git");
        let read = blocking(move || Ok(AgentRefs::read(&dot_git))).await?;
        let refs = match read {
            Ok(refs) => refs,
            Err(why) => {
                notes.push(Note::AgentGitUnusable { why });
                return Ok(Tips::default());
            }
        };
        let quarantine = Quarantine::fill(workspace, self.limits).await?;
        if quarantine.taken.alternates {
            notes.push(Note::AlternatesIgnored);
        }
        let mut tips = Tips::default();
        let own = workspace.branch.as_str();
        if let Some(head) = &refs.head
            && self.import(workspace, &quarantine, head, notes).await?
        {
            tips.head = Some(head.clone());
        }
        if let Some(tip) = refs.tips.get(own)
            && (tips.head.as_ref() == Some(tip)
                || self.import(workspace, &quarantine, tip, notes).await?)
        {
            tips.branch = Some(tip.clone());
        }
        if refs.head_branch.as_deref() != Some(own) {
            notes.push(Note::EndedElsewhere { branch: refs.head_branch.clone() });
        }
        let others = refs.tips.iter().filter(|(name, _)| *name != own);
        for (index, (name, tip)) in others.enumerate() {
            if index >= ASIDE_MAX {
                notes.push(Note::More { count: refs.tips.len() - ASIDE_MAX });
                break;
            }
            if self.import(workspace, &quarantine, tip, notes).await? {
                tips.others.push((name.clone(), tip.clone()));
            }
        }
        Ok(tips)
    }

    async fn import(
        &self,
        workspace: &Workspace,
        quarantine: &Quarantine,
        tip: &Oid,
        notes: &mut Vec<Note>,
    ) -> Result<bool, ProjectError> {
        match quarantine.import(&self.git, workspace, tip, self.limits).await? {
            Import::Done => Ok(true),
            Import::Refused(why) => {
                let note = Note::CommitsRefused { why };
                if !notes.contains(&note) {
                    notes.push(note);
                }
                Ok(false)
            }
        }
    }

    /// The state of the tree, compared with `parent`.
    async fn state(
        &self,
        workspace: &Workspace,
        parent: Option<&Oid>,
    ) -> Result<State, ProjectError> {
        let scratch = workspace.scratch();
        platform::private_dir(&scratch).doing("making", &scratch)?;
        let dir = tempfile::Builder::new()
            .prefix("settle-")
            .tempdir_in(&scratch)
            .doing("making a folder in", &scratch)?;
        let index = dir.path().join("index");
        let (from, to) = (workspace.base_index(), index.clone());
        blocking(move || copy_index(&from, &to)).await?;
        let in_place = workspace.isolation == Isolation::None;
        let scope = Scope {
            git_dir: workspace.git_dir(),
            work_tree: workspace.tree.clone(),
            index,
            objects: None,
            durability: Durability::Synced,
            unblock: !in_place,
            lfs: workspace.notes.contains(&Note::LfsPointers),
            limits: self.limits,
        };
        if let Some(parent) = parent.filter(|parent| Some(*parent) != workspace.base.commit()) {
            // Entries that stay the same keep what the disk said of them.
            let call = workspace.call("read-tree").index(&scope.index).args(["-m", "-i"]);
            self.git.run(call.revision(parent.as_str())).await?;
        }
        scope.state(&self.git).await
    }

    async fn tree(&self, workspace: &Workspace, of: Option<&Oid>) -> Result<Oid, ProjectError> {
        let empty = workspace.format.empty_tree();
        workspace.tree_of(&self.git, of.unwrap_or(&empty)).await
    }

    /// Whether `newer` contains `older`; `call` is one of `merge-base`.
    pub(super) async fn is_ancestor(
        &self,
        call: Call,
        older: &Oid,
        newer: &Oid,
    ) -> Result<bool, ProjectError> {
        let call = call.args(["--is-ancestor", older.as_str(), newer.as_str()]).accept(&[0, 1]);
        Ok(self.git.run(call).await?.code == 0)
    }

    /// Points the gateway's own refs at the result and at what the result does not contain.
    async fn keep(
        &self,
        workspace: &Workspace,
        head: Option<&Oid>,
        tips: &Tips,
        notes: &mut Vec<Note>,
    ) -> Result<(), ProjectError> {
        let Some(head) = head else { return Ok(()) };
        let mut refs = vec![(workspace.branch.reference(), head.clone())];
        let own = tips.branch.as_ref().map(|tip| (workspace.branch.to_string(), tip.clone()));
        for (index, (name, tip)) in own.iter().chain(&tips.others).enumerate() {
            let range = oid::range(tip, workspace.base.commit().into_iter().chain([head]));
            let commits = self.count(workspace, range).await?;
            if commits > 0 {
                refs.push((format!("refs/gateway/aside/{index}"), tip.clone()));
                notes.push(Note::KeptAside { name: name.clone(), commits });
            }
        }
        let refs: Vec<_> = refs.iter().map(|(name, oid)| (name.as_str(), oid)).collect();
        workspace.set_refs(&self.git, &refs).await
    }

    async fn count(&self, workspace: &Workspace, range: String) -> Result<u64, ProjectError> {
        let call = workspace.call("rev-list").args(["--count", "--stdin"]);
        let answer = self.git.run(call.stdin(Stdin::Bytes(range.into()))).await?;
        let unexpected = GitError::Unexpected { command: "rev-list", what: "no number" };
        answer.text().parse().map_err(|_| unexpected.into())
    }

    async fn describe(
        &self,
        workspace: &Workspace,
        head: Option<Oid>,
        leftovers_committed: bool,
        mut notes: Vec<Note>,
    ) -> Result<Settled, ProjectError> {
        let Some(tip) = &head else {
            return Ok(Settled {
                head,
                changed: false,
                commits: Vec::new(),
                commits_total: 0,
                leftovers_committed,
                files: Vec::new(),
                stat: DiffStat::default(),
                notes,
            });
        };
        let base = workspace.base.commit();
        let range = oid::range(tip, base);
        let commits_total = self.count(workspace, range.clone()).await?;
        let call = workspace
            .call("log")
            .args(["-z", "--format=%H%x1f%an%x1f%s", "--stdin", "--no-decorate"])
            .arg(format!("-n{COMMITS_MAX}"))
            .stdin(Stdin::Bytes(range.into()));
        let log = self.git.run(call).await?;
        let commits = log.records().filter_map(commit_of).collect();
        if let Some(base) = base
            && base != tip
            && !self.is_ancestor(workspace.call("merge-base"), base, tip).await?
        {
            notes.push(Note::HistoryRewritten);
        }
        let call = workspace.call("diff-tree");
        let files = diff::files(&self.git, call, &workspace.base_tree(), tip, None).await?;
        let changed = base != Some(tip);
        let stat = DiffStat::of(&files);
        Ok(Settled {
            head,
            changed,
            commits,
            commits_total,
            leftovers_committed,
            files,
            stat,
            notes,
        })
    }

    /// Commits a tree as the gateway.
    pub(super) async fn commit(
        &self,
        workspace: &Workspace,
        tree: &Oid,
        parent: Option<&Oid>,
        message: &str,
        now: Timestamp,
        durability: Durability,
    ) -> Result<Oid, ProjectError> {
        let call = workspace.call("commit-tree");
        let call = if durability == Durability::Synced { call.durable() } else { call };
        self.commit_tree(call, tree, parent, message, now).await
    }

    /// [`Workspaces::commit`] with any number of parents; `call` is one of `commit-tree`.
    pub(super) async fn commit_tree(
        &self,
        call: Call,
        tree: &Oid,
        parents: impl IntoIterator<Item = &Oid>,
        message: &str,
        now: Timestamp,
    ) -> Result<Oid, ProjectError> {
        let when = format!("{} +0000", now.as_secs().max(0));
        let mut call = call
            .env("GIT_AUTHOR_NAME", "gateway")
            .env("GIT_AUTHOR_EMAIL", "gateway@localhost")
            .env("GIT_AUTHOR_DATE", when.clone())
            .env("GIT_COMMITTER_NAME", "gateway")
            .env("GIT_COMMITTER_EMAIL", "gateway@localhost")
            .env("GIT_COMMITTER_DATE", when)
            .arg(tree.as_str());
        for parent in parents {
            call = call.args(["-p", parent.as_str()]);
        }
        let answer = self.git.run(call.stdin(Stdin::Bytes(message.into()))).await?;
        let unexpected = GitError::Unexpected { command: "commit-tree", what: "no commit" };
        Oid::parse(answer.text().as_bytes()).ok_or_else(|| unexpected.into())
    }
}

fn leftovers_message(workspace: &Workspace) -> String {
    let title: String = workspace.title.chars().filter(|c| !c.is_control()).take(200).collect();
    let id = &workspace.task_id;
    format!("Keep what task {id} left uncommitted\n\n{title}\n\nTask: {id}\n")
}

fn commit_of(record: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(record);
    let mut parts = text.trim_start_matches('\n').splitn(3, '\u{1f}');
    let oid = Oid::parse(parts.next()?.as_bytes())?;
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(200).collect();
    Some(Commit { oid, author: clean(parts.next()?), subject: clean(parts.next()?) })
}

fn save(workspace: &Workspace, settled: &Settled) -> Result<(), ProjectError> {
    let path = workspace.work_dir.join("settled.json");
    let text = serde_json::to_vec(settled).map_err(std::io::Error::other);
    text.and_then(|text| platform::write_file(&path, &text)).doing("writing", &path)
}
