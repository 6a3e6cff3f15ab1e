#pragma once
/// libgit2's objects as owned handles, and its last error as text. Inside a git worker only; one
/// thread.

#include "pipelines/base/result.hpp"

#include <git2.h>

#include <memory>
#include <string>

namespace sluice::git {

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        free(object);
    }
};
template <class T, auto free>
using Owned = std::unique_ptr<T, Freed<free>>;

using Repository = Owned<git_repository, git_repository_free>;
using Object = Owned<git_object, git_object_free>;
using Commit = Owned<git_commit, git_commit_free>;
using Tree = Owned<git_tree, git_tree_free>;
using Blob = Owned<git_blob, git_blob_free>;
using Odb = Owned<git_odb, git_odb_free>;
using Diff = Owned<git_diff, git_diff_free>;
using Remote = Owned<git_remote, git_remote_free>;
using Reference = Owned<git_reference, git_reference_free>;
using PackBuilder = Owned<git_packbuilder, git_packbuilder_free>;

/// libgit2's message for its last failure, valid UTF-8, at most 500 bytes.
std::string last_message();
/// An Error of the worker's own making with that message.
Error git_error(Code code, std::string id, std::string what);

}  // namespace sluice::git
