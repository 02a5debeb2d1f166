//! What is told of an index without git, against indexes that git wrote.
use super::super::index::Index;
use super::super::oid::ObjectFormat;
use super::lab::Lab;

fn index(lab: &Lab) -> Index {
    Index::read(&std::fs::read(lab.owner.join(".git/index")).unwrap(), ObjectFormat::Sha1)
}

#[test]
fn an_index_is_plain_until_git_is_told_to_look_away() {
    let lab = Lab::repository();
    let plain = Index { plain: true, attributes: false };
    assert_eq!(index(&lab), plain);
    lab.in_owner("git update-index --index-version 4");
    assert_eq!(index(&lab), Index { plain: true, attributes: true });
    lab.in_owner("git update-index --index-version 2; git update-index --untracked-cache");
    assert_eq!(index(&lab), plain);
    for (away, back) in [
        (
            "git update-index --assume-unchanged a.txt",
            "git update-index --no-assume-unchanged a.txt",
        ),
        ("git update-index --skip-worktree a.txt", "git update-index --no-skip-worktree a.txt"),
        ("echo x > x; git add -N x", "git rm -q --cached x"),
        ("git update-index --split-index", "git update-index --no-split-index"),
    ] {
        lab.in_owner(away);
        assert!(!index(&lab).plain, "{away}");
        lab.in_owner(back);
        assert_eq!(index(&lab), plain, "{back}");
    }
    lab.in_owner("touch src/.gitattributes; git add .");
    assert!(index(&lab).attributes);
}

#[test]
fn of_an_index_that_is_cut_off_the_worst_is_assumed() {
    let lab = Lab::repository();
    let bytes = std::fs::read(lab.owner.join(".git/index")).unwrap();
    let worst = Index { plain: false, attributes: true };
    // Two entries; after them git's own checksum is what notices.
    for end in 0..12 + 2 * 72 {
        assert_eq!(Index::read(&bytes[..end], ObjectFormat::Sha1), worst, "{end}");
    }
}
