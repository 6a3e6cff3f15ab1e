#include "agent/runner/source_checkout.hpp"

#include "agent/runner/workspace_files.hpp"
#include "pipelines/base/text.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>
#include <git2.h>
#include <git2/sys/repository.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <stdexcept>

namespace sluice::agent {

namespace {

Error git_refusal(std::string what) {
    const git_error* last = ::git_error_last();
    return error(Code::invalid, "source",
                 std::move(what) + ": " + (last && last->message ? last->message : "failed"));
}

template <class T, void (*Free)(T*)>
struct Freed {
    void operator()(T* value) const { Free(value); }
};
using Repository = std::unique_ptr<git_repository, Freed<git_repository, git_repository_free>>;
using Indexer = std::unique_ptr<git_indexer, Freed<git_indexer, git_indexer_free>>;
using Commit = std::unique_ptr<git_commit, Freed<git_commit, git_commit_free>>;
using Index = std::unique_ptr<git_index, Freed<git_index, git_index_free>>;
using Tree = std::unique_ptr<git_tree, Freed<git_tree, git_tree_free>>;

}  // namespace

struct SourceCheckout::Impl {
    files::Path workspace;
    std::string refs;  ///< lines of `<id> <ref name>`, the last may be a part
    Indexer indexer;   ///< once the pack has begun
    git_indexer_progress progress{};

    files::Path git_dir() const { return workspace / ".git"; }
    files::Path packs() const { return git_dir() / "objects" / "pack"; }

    Result<> begin_pack() {
        git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
        options.verify = 0;  // the parents of a depth-1 commit are absent by design
        git_indexer* made = nullptr;
        if (::git_indexer_new(&made, packs().c_str(), 0644, nullptr, &options) != 0)
            return git_refusal("prepare the source");
        indexer.reset(made);
        return {};
    }
};

namespace {

constexpr std::size_t k_refs_max = 16 << 20;
constexpr off_t k_index_max = 256 << 20;
constexpr std::uint64_t k_entries_max = 5'000'000;
constexpr int k_deepest = 1024;
constexpr std::string_view k_pack_begins = "PACK";

/// The server's lines as git's file `packed-refs`: sorted, and nothing but tags and remote
/// branches.
Result<std::string> packed_refs(std::string_view lines) {
    std::vector<std::pair<std::string, std::string>> refs;
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        const std::size_t space = lines.find(' ');
        if (end == std::string_view::npos || space > end)
            return error(Code::invalid, "source", "the source's list of refs is cut");
        std::string id(lines.substr(0, space));
        std::string name(lines.substr(space + 1, end - space - 1));
        lines.remove_prefix(end + 1);
        int valid = 0;
        const bool known = name.starts_with("refs/tags/") || name.starts_with("refs/remotes/");
        if (!text::is_commit_id(id) || !known ||
            ::git_reference_name_is_valid(&valid, name.c_str()) != 0 || valid != 1)
            return error(Code::invalid, "source", "the source names a ref that git does not allow");
        refs.emplace_back(std::move(name), std::move(id));
    }
    std::sort(refs.begin(), refs.end());
    std::string out("# pack-refs with: sorted \n");
    for (const auto& [name, id] : refs) out += id + " " + name + "\n";
    return out;
}

struct LessOid {
    bool operator()(const git_oid& a, const git_oid& b) const { return ::git_oid_cmp(&a, &b) < 0; }
};

/// How many files and folders a checkout of trees makes; each tree is read once, however often it
/// stands in others. What is above the limit is not counted to its end.
class EntryCount {
public:
    explicit EntryCount(git_repository* repository) : repository_(repository) {}

    Result<std::uint64_t> of(const git_oid& id, int depth = 0) {
        if (const auto known = known_.find(id); known != known_.end()) return known->second;
        if (depth > k_deepest) return error(Code::too_large, "source", "its folders are too deep");
        git_tree* found = nullptr;
        if (::git_tree_lookup(&found, repository_, &id) != 0)
            return git_refusal("the source lacks a folder");
        const Tree tree(found);
        std::uint64_t sum = ::git_tree_entrycount(found);
        for (std::size_t i = 0; i < ::git_tree_entrycount(found) && sum <= k_entries_max; ++i) {
            const git_tree_entry* entry = ::git_tree_entry_byindex(found, i);
            if (::git_tree_entry_type(entry) != GIT_OBJECT_TREE) continue;
            SLUICE_TRY(const std::uint64_t inside, of(*::git_tree_entry_id(entry), depth + 1));
            sum += inside;
        }
        known_.emplace(id, sum);
        return sum;
    }

private:
    git_repository* repository_;
    std::map<git_oid, std::uint64_t, LessOid> known_;
};

}  // namespace

void init_git() {
    if (::git_libgit2_init() < 0) throw std::runtime_error("libgit2 cannot start");
    // The machine's configuration may hold filters, hooks paths and line-ending rules that are not
    // the commit's.
    for (int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
                      GIT_CONFIG_LEVEL_PROGRAMDATA})
        ::git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    ::git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
}

Result<std::vector<std::string>> tracked_files(const files::Path& workspace) {
    // The index alone: steps have run meanwhile, and the repository's configuration is theirs. So
    // is what stands in the index's place: nothing that blocks, leads elsewhere or has no end.
    SLUICE_TRY(const files::Fd file, open_inside(workspace, ".git/index"));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || status.st_size > k_index_max)
        return error(Code::too_large, "source", "the index is too large");
    const std::string held = "/proc/self/fd/" + std::to_string(file.get());
    git_index* opened = nullptr;
    if (::git_index_open(&opened, held.c_str()) != 0) return git_refusal("read the index");
    Index index(opened);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < ::git_index_entrycount(index.get()); ++i) {
        const git_index_entry* entry = ::git_index_get_byindex(index.get(), i);
        // Links and submodules have no lines of their own.
        if ((entry->mode & 0170000) == 0100000) out.emplace_back(entry->path);
    }
    std::sort(out.begin(), out.end());
    return out;
}

SourceCheckout::SourceCheckout(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SourceCheckout::SourceCheckout(SourceCheckout&&) noexcept = default;
SourceCheckout& SourceCheckout::operator=(SourceCheckout&&) noexcept = default;
SourceCheckout::~SourceCheckout() = default;

Result<SourceCheckout> SourceCheckout::begin(const files::Path& workspace) {
    auto impl = std::make_unique<Impl>();
    impl->workspace = workspace;
    // By hand: git_repository_init writes sample hooks and descriptions that nobody needs here.
    SLUICE_CHECK(files::make_dirs(impl->packs()));
    SLUICE_CHECK(files::make_dirs(impl->git_dir() / "refs" / "heads"));
    SLUICE_CHECK(files::make_dirs(impl->git_dir() / "refs" / "tags"));
    SLUICE_CHECK(files::write_atomic(
        impl->git_dir() / "config",
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
        "\tlogallrefupdates = false\n\tprotectHFS = true\n\tprotectNTFS = true\n",
        0644, false));
    SLUICE_CHECK(
        files::write_atomic(impl->git_dir() / "HEAD", "ref: refs/heads/none\n", 0644, false));
    return SourceCheckout(std::move(impl));
}

files::Path SourceCheckout::packs() const {
    return impl_->packs();
}

Result<> SourceCheckout::feed(std::string_view bytes) {
    std::string begun;
    if (!impl_->indexer) {
        begun = std::move(impl_->refs);
        begun += bytes;
        // A line of refs begins with a digit of an id, never with a P.
        std::size_t at = 0;
        while (at < begun.size() && begun[at] != k_pack_begins[0]) {
            const std::size_t end = begun.find('\n', at);
            if (end == std::string::npos) break;
            at = end + 1;
        }
        const bool pack = at < begun.size() && begun[at] == k_pack_begins[0];
        if (begun.size() > k_refs_max && !pack)
            return error(Code::too_large, "source", "the source's list of refs is too long");
        if (!pack) {
            impl_->refs = std::move(begun);
            return {};
        }
        impl_->refs = begun.substr(0, at);
        SLUICE_CHECK(impl_->begin_pack());
        bytes = std::string_view(begun).substr(at);
    }
    failpoint::hit("source_index", "in");
    if (::git_indexer_append(impl_->indexer.get(), bytes.data(), bytes.size(), &impl_->progress) !=
        0)
        return git_refusal("read the source");
    return {};
}

Result<> SourceCheckout::finish(const std::string& commit_id, bool history) {
    if (impl_->indexer && ::git_indexer_commit(impl_->indexer.get(), &impl_->progress) != 0)
        return git_refusal("read the source");
    impl_->indexer.reset();
    SLUICE_CHECK(files::write_atomic(impl_->git_dir() / "HEAD", commit_id + "\n", 0644, false));
    if (!history) {
        SLUICE_CHECK(
            files::write_atomic(impl_->git_dir() / "shallow", commit_id + "\n", 0644, false));
    }
    if (!impl_->refs.empty()) {
        SLUICE_TRY(const std::string refs, packed_refs(impl_->refs));
        SLUICE_CHECK(files::write_atomic(impl_->git_dir() / "packed-refs", refs, 0644, false));
    }

    git_repository* opened = nullptr;
    if (::git_repository_open(&opened, impl_->workspace.c_str()) != 0)
        return git_refusal("open the source");
    Repository repository(opened);
    git_oid id;
    if (::git_oid_fromstr(&id, commit_id.c_str()) != 0) return git_refusal("commit " + commit_id);
    git_commit* found = nullptr;
    if (::git_commit_lookup(&found, repository.get(), &id) != 0)
        return git_refusal("the source lacks its commit");
    Commit commit(found);
    SLUICE_TRY(const auto entries,
               EntryCount(repository.get()).of(*::git_commit_tree_id(commit.get())));
    if (entries > k_entries_max)
        return error(Code::too_large, "source",
                     fmt::format("the commit has more than {} files and folders", k_entries_max));
    git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
    options.checkout_strategy = GIT_CHECKOUT_FORCE;
    if (::git_checkout_tree(repository.get(), reinterpret_cast<const git_object*>(commit.get()),
                            &options) != 0)
        return git_refusal("write the source's files");
    return {};
}

}  // namespace sluice::agent
