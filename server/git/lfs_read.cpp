#include "server/git/lfs_read.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/protocol/packs.hpp"

#include <git2/sys/repository.h>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace sluice::git {
namespace {

using Index = Owned<git_index, git_index_free>;

Error incomplete(const std::string& what) {
    return git_error(Code::gone, "commit_gone",
                     "the repository is incomplete at " + text::sanitize_utf8(what, 256));
}

class PointerReader {
public:
    PointerReader(git_repository* repository, git_commit* commit) : repository_(repository) {
        attributes_.flags =
            GIT_ATTR_CHECK_INDEX_ONLY | GIT_ATTR_CHECK_NO_SYSTEM | GIT_ATTR_CHECK_INCLUDE_COMMIT;
        attributes_.attr_commit_id = *git_commit_id(commit);
    }

    Result<std::vector<protocol::LfsFile>> read(git_commit* commit) {
        // Attributes are the commit's: a repository in place may have an index of other ones.
        git_index* empty = nullptr;
        if (git_index_new(&empty) != 0) return incomplete("the index");
        Index owned_index(empty);
        if (git_repository_set_index(repository_, empty) != 0) return incomplete("the index");
        git_odb* odb = nullptr;
        if (git_repository_odb(&odb, repository_) != 0) return incomplete("the objects");
        Odb owned_odb(odb);
        odb_ = odb;
        git_tree* root = nullptr;
        if (git_commit_tree(&root, commit) != 0) return incomplete("the commit's tree");
        Tree owned_root(root);
        const int walked = git_tree_walk(root, GIT_TREEWALK_PRE, &PointerReader::visit, this);
        if (refusal_) return *refusal_;
        if (walked != 0) return incomplete("a folder");
        std::sort(files_.begin(), files_.end(),
                  [](const auto& a, const auto& b) { return a.path < b.path; });
        return std::move(files_);
    }

private:
    static int visit(const char* folder, const git_tree_entry* entry, void* payload) {
        auto& self = *static_cast<PointerReader*>(payload);
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE) return 0;
        const Result<> looked =
            self.look(std::string(folder) + git_tree_entry_name(entry), *git_tree_entry_id(entry));
        if (!looked) self.refusal_ = looked.error();
        return looked ? 0 : -1;
    }

    /// The size is known without the bytes, so most files cost next to nothing.
    Result<> look(std::string path, const git_oid& id) {
        std::size_t size = 0;
        git_object_t type = GIT_OBJECT_INVALID;
        if (git_odb_read_header(&size, &type, odb_, &id) != 0) return incomplete(path);
        if (size > protocol::k_lfs_pointer_max) return {};
        git_blob* blob = nullptr;
        if (git_blob_lookup(&blob, repository_, &id) != 0) return incomplete(path);
        Blob owned(blob);
        auto pointer = protocol::parse_lfs_pointer(
            {static_cast<const char*>(git_blob_rawcontent(blob)), size});
        if (pointer && !*pointer) return {};
        const char* filter = nullptr;
        if (git_attr_get_ext(&filter, repository_, &attributes_, path.c_str(), "filter") != 0)
            return incomplete(path);
        if (filter == nullptr || std::string_view(filter) != "lfs") return {};
        if (pointer) return add(std::move(path), std::move(**pointer));
        const std::string shown = text::sanitize_utf8(path, 256);
        return error(Code::invalid, "lfs_bad_pointer",
                     fmt::format("{} is no pointer of Git LFS: {}", shown, pointer.error().message),
                     shown);
    }

    Result<> add(std::string path, protocol::LfsPointer pointer) {
        if (!protocol::check_pack_path(path))
            return error(Code::invalid, "lfs_bad_pointer",
                         fmt::format("{} is in Git LFS, and its name is none that every machine "
                                     "can have",
                                     text::sanitize_utf8(path, 256)));
        if (files_.size() == protocol::k_lfs_files_max)
            return error(Code::too_large, "lfs_too_large",
                         fmt::format("the commit has more than {} files in Git LFS",
                                     protocol::k_lfs_files_max));
        files_.push_back({std::move(path), std::move(pointer)});
        return {};
    }

    git_repository* repository_;
    git_odb* odb_ = nullptr;
    git_attr_options attributes_ = GIT_ATTR_OPTIONS_INIT;
    std::vector<protocol::LfsFile> files_;
    std::optional<Error> refusal_;
};

}  // namespace

Result<std::vector<protocol::LfsFile>> read_lfs_files(git_repository* repository,
                                                      git_commit* commit) {
    return PointerReader(repository, commit).read(commit);
}

}  // namespace sluice::git
