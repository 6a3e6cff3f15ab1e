#include "server/git/pack_content.hpp"

#include "server/git/read.hpp"

#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace sluice::git {
namespace {

using Revwalk = Owned<git_revwalk, git_revwalk_free>;
using Tag = Owned<git_tag, git_tag_free>;
using References = Owned<git_reference_iterator, git_reference_iterator_free>;

constexpr std::size_t k_deepest_tree = 1024;
constexpr std::size_t k_most_tags = 10'000;

Error gone() {
    return git_error(Code::gone, "commit_gone", "an object of the commit is missing or damaged");
}

struct LessOid {
    bool operator()(const git_oid& a, const git_oid& b) const { return git_oid_cmp(&a, &b) < 0; }
};
using Oids = std::set<git_oid, LessOid>;
struct LessPair {
    bool operator()(const std::pair<git_oid, git_oid>& a,
                    const std::pair<git_oid, git_oid>& b) const {
        const int first = git_oid_cmp(&a.first, &b.first);
        return first != 0 ? first < 0 : git_oid_cmp(&a.second, &b.second) < 0;
    }
};

/// What a tree has that another one has not at the same place. Costs as much as the two differ.
class TreeDifference {
public:
    TreeDifference(git_repository* repository, std::size_t most)
        : repository_(repository), most_(most) {}

    /// False when there are more than `most` objects.
    Result<bool> collect(const git_oid& id, const git_oid* base, std::size_t depth = 0) {
        if (base != nullptr && git_oid_equal(&id, base)) return true;
        // The same folder stands in many places, which a few trees can make to be billions.
        if (!walked_.emplace(id, base != nullptr ? *base : git_oid{}).second) return true;
        if (depth > k_deepest_tree)
            return error(Code::too_large, "commit_gone", "the commit's folders are too deep");
        SLUICE_TRY(Tree tree, look_up(id));
        Tree before;
        if (base != nullptr) {
            // A reader that lacks it would be sent more than needed, nothing worse.
            if (auto found = look_up(*base)) before = std::move(*found);
        }
        if (!add(id)) return false;
        for (std::size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
            const git_tree_entry* entry = git_tree_entry_byindex(tree.get(), i);
            const git_object_t type = git_tree_entry_type(entry);
            if (type != GIT_OBJECT_TREE && type != GIT_OBJECT_BLOB) continue;
            const git_oid* entry_id = git_tree_entry_id(entry);
            const git_tree_entry* old =
                before ? git_tree_entry_byname(before.get(), git_tree_entry_name(entry)) : nullptr;
            if (old != nullptr && git_oid_equal(git_tree_entry_id(old), entry_id)) continue;
            if (type == GIT_OBJECT_BLOB) {
                if (!add(*entry_id)) return false;
                continue;
            }
            const bool both = old != nullptr && git_tree_entry_type(old) == GIT_OBJECT_TREE;
            SLUICE_TRY(const bool fits,
                       collect(*entry_id, both ? git_tree_entry_id(old) : nullptr, depth + 1));
            if (!fits) return false;
        }
        return true;
    }

    std::vector<git_oid> objects;

private:
    bool add(const git_oid& id) {
        if (!seen_.insert(id).second) return true;
        if (objects.size() == most_) return false;
        objects.push_back(id);
        return true;
    }
    Result<Tree> look_up(const git_oid& id) {
        git_tree* tree = nullptr;
        if (git_tree_lookup(&tree, repository_, &id) != 0) return gone();
        return Tree(tree);
    }

    git_repository* repository_;
    std::size_t most_;
    Oids seen_;
    std::set<std::pair<git_oid, git_oid>, LessPair>
        walked_;  ///< tree, and what it was compared with
};

Result<PackContent> with_files(git_repository* repository, const PackWish& wish,
                               git_commit* commit) {
    PackContent out;
    // No difference can be as large: without a base that is all.
    std::size_t most = std::numeric_limits<std::size_t>::max();
    for (const std::string& sha : wish.have) {
        auto base = find_commit(repository, sha);
        if (!base || most == 0) continue;
        TreeDifference difference(repository, most - 1);
        SLUICE_TRY(const bool shorter, difference.collect(*git_commit_tree_id(commit),
                                                          git_commit_tree_id(base->get())));
        if (!shorter) continue;
        out.objects = std::move(difference.objects);
        out.base = sha;
        most = out.objects.size();
    }
    if (out.base.empty()) {
        TreeDifference all(repository, most);
        SLUICE_CHECK(all.collect(*git_commit_tree_id(commit), nullptr));
        out.objects = std::move(all.objects);
    }
    out.objects.insert(out.objects.begin(), wish.commit);
    return out;
}

/// The first of the commits that the reader has from which the wish's one comes.
std::optional<git_oid> ancestor_of(git_repository* repository, const PackWish& wish) {
    for (const std::string& sha : wish.have) {
        auto known = find_commit(repository, sha);
        if (!known) continue;
        const git_oid id = *git_commit_id(known->get());
        if (git_oid_equal(&id, &wish.commit) ||
            git_graph_descendant_of(repository, &wish.commit, &id) == 1)
            return id;
    }
    return std::nullopt;
}

void add_ref(std::string& refs, const git_oid& id, const std::string& name) {
    refs += to_hex(&id) + " " + name + "\n";
}

/// Tags of the commits, annotated ones with their object.
Result<> add_tags(git_repository* repository, const Oids& commits, PackContent& out) {
    git_reference_iterator* made = nullptr;
    if (git_reference_iterator_glob_new(&made, repository, "refs/tags/*") != 0) return gone();
    References iterator(made);
    git_reference* next = nullptr;
    for (std::size_t count = 0; count < k_most_tags && git_reference_next(&next, made) == 0;) {
        Reference reference(next);
        git_object* peeled = nullptr;
        if (git_reference_peel(&peeled, next, GIT_OBJECT_COMMIT) != 0) continue;
        Object owned(peeled);
        const git_oid* target = git_reference_target(next);
        if (target == nullptr || commits.count(*git_object_id(peeled)) == 0) continue;
        // A tag of a tag would need the inner one, too; nobody describes by those.
        git_object* direct = nullptr;
        if (git_object_lookup(&direct, repository, target, GIT_OBJECT_ANY) != 0) continue;
        Object owned_direct(direct);
        const bool annotated = git_object_type(direct) == GIT_OBJECT_TAG;
        if (annotated &&
            git_tag_target_type(reinterpret_cast<git_tag*>(direct)) != GIT_OBJECT_COMMIT)
            continue;
        if (annotated) out.tags.push_back(*target);
        add_ref(out.refs, *target, git_reference_name(next));
        ++count;
    }
    return {};
}

/// From the tips; with `base` without what it comes from.
Result<Revwalk> walk_of(git_repository* repository, const std::vector<git_oid>& tips,
                        const std::string& base) {
    git_revwalk* made = nullptr;
    if (git_revwalk_new(&made, repository) != 0) return gone();
    Revwalk walker(made);
    for (const git_oid& tip : tips)
        if (git_revwalk_push(made, &tip) != 0) return gone();
    git_oid hidden;
    if (!base.empty() &&
        (git_oid_fromstr(&hidden, base.c_str()) != 0 || git_revwalk_hide(made, &hidden) != 0))
        return gone();
    return walker;
}

Result<PackContent> with_history(git_repository* repository, const PackWish& wish) {
    PackContent out;
    out.tips.push_back(wish.commit);
    for (const std::string& branch : wish.branches) {
        git_oid tip;
        if (git_reference_name_to_id(&tip, repository, ("refs/heads/" + branch).c_str()) != 0)
            continue;
        if (!find_commit(repository, to_hex(&tip))) continue;
        out.tips.push_back(tip);
        add_ref(out.refs, tip, "refs/remotes/origin/" + branch);
    }
    if (const auto base = ancestor_of(repository, wish)) out.base = to_hex(&*base);
    Oids commits;
    SLUICE_TRY(Revwalk all, walk_of(repository, out.tips, ""));
    git_oid id;
    while (git_revwalk_next(&id, all.get()) == 0) commits.insert(id);
    SLUICE_CHECK(add_tags(repository, commits, out));
    return out;
}

}  // namespace

std::size_t PackContent::count() const {
    return builder ? git_packbuilder_object_count(builder.get()) : objects.size();
}

Result<> add_objects(git_repository* repository, PackContent& content) {
    if (content.tips.empty()) return {};
    git_packbuilder* builder = nullptr;
    if (git_packbuilder_new(&builder, repository) != 0)
        return git_error(Code::internal, "io", "cannot make a pack");
    content.builder.reset(builder);
    git_packbuilder_set_threads(builder, 0);  // as many as there are cores
    SLUICE_TRY(Revwalk missing, walk_of(repository, content.tips, content.base));
    if (git_packbuilder_insert_walk(builder, missing.get()) != 0) return gone();
    for (const git_oid& tag : content.tags)
        if (git_packbuilder_insert(builder, &tag, nullptr) != 0) return gone();
    return {};
}

Result<PackContent> pack_content(git_repository* repository, const PackWish& wish) {
    if (wish.history) return with_history(repository, wish);
    auto commit = find_commit(repository, to_hex(&wish.commit));
    if (!commit) return gone();
    return with_files(repository, wish, commit->get());
}

}  // namespace sluice::git
