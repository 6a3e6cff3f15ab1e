#pragma once
/// The files of a commit as `exists` and `hash_files` see them. Pure values.

#include <string>

namespace sluice::config::expression {

/// One file of the commit (`sluice run` and `sluice render`: of the working tree, without what git
/// ignores).
struct TreeFile {
    std::string path;    ///< from the root of the repository
    std::string digest;  ///< of its contents, any text without a line end: git's blob id
    bool operator==(const TreeFile&) const = default;
};

}  // namespace sluice::config::expression
