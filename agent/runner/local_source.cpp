#include "agent/runner/local_source.hpp"

#include "platform/copy_tree.hpp"

namespace sluice::agent {

Result<> LocalSource::checkout(const protocol::ClaimedJob& /*job*/, const files::Path& workspace) {
    if (snapshot_.empty()) return {};
    return files::copy_tree(snapshot_, workspace, stop_);
}

}  // namespace sluice::agent
