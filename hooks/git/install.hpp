#pragma once
/// Puts sluice-hook into a bare repository and takes it out again. Blocking. Any thread.

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <string>
#include <vector>

namespace sluice::hooks {

struct InstallOptions {
    std::string server;   ///< host:port of a plain HTTP listener: an IP address or localhost (there
                          ///< is no TLS)
    std::string project;  ///< [A-Za-z0-9._-]+
    std::string secret;   ///< the project's hook secret
    files::Path program;  ///< sluice-hook, absolute; the hooks are links to it, so an upgrade needs
                          ///< no new install
    std::string url;      ///< the repository as the server reaches it; "" = the folder
    bool update = false;  ///< also hooks/update: pushes to a branch wait for its gate
    std::vector<std::string>
        protect;  ///< globs of branches that stay closed while the server cannot be asked
};

/// Writes `sluice.conf` (0600), the links hooks/post-receive and, if asked for, hooks/update, and
/// turns push options on. A hook that is there already is kept as `<name>.before-sluice` and runs
/// first. As root, the files are given to the repository's owner. Repeatable: the last options
/// count. Errors: `not_a_repository`, `not_bare`, `hooks_elsewhere` (core.hooksPath),
/// `hook_conflict`, `bad_option`, `config_locked`, `io`.
Result<> install(const files::Path& repository, const InstallOptions& options);

/// Removes what install() made and puts the earlier hooks back; nothing to do is fine. Waiting
/// deliveries stay.
Result<> uninstall(const files::Path& repository);

}  // namespace sluice::hooks
