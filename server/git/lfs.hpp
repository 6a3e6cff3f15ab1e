#pragma once
/// Where the bytes of a commit's files in Git LFS are. What the commit says is foreign bytes. Pure.

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <string>
#include <string_view>

namespace sluice::git {

/// The `url` of the section [lfs] of a `.lfsconfig`, "" = none. Refused with `lfs_denied` and its
/// line when it can't be read. Pure.
Result<std::string> lfs_url_in(std::string_view lfsconfig);

/// Where the objects of a repository are.
struct LfsPlace {
    files::Path folder;    ///< of a repository on this machine: objects are files below it
    std::string endpoint;  ///< else: https://host/group/app.git/info/lfs
    bool operator==(const LfsPlace&) const = default;
};

/// By the repository's URL and its commit's `.lfsconfig`, whose `lfs.url` must be http(s) on the
/// repository's own host (never http for an https one). Refused with `lfs_denied`; by ssh there is
/// none without such a URL: `lfs_unsupported`. Pure.
Result<LfsPlace> lfs_place(const std::string& repository, std::string_view lfsconfig);

}  // namespace sluice::git
