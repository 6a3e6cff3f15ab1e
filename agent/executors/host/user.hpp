#pragma once
/// A user of its own for the steps of one attempt, taken from a pool of numbers that no account has
/// (docs/decisions/0028). Held by a lock that ends with its holder, whatever kills it. For runners
/// that are root; runner's thread.

#include "agent/executors/settings.hpp"
#include "platform/files.hpp"
#include "platform/spawn.hpp"

#include <optional>
#include <vector>

namespace sluice::agent {

class HostUser {
public:
    /// The first free one. What an earlier holder left running is ended. Refused when the agent is
    /// not root, or all are taken.
    static Result<HostUser> take(const UserPool& pool);

    uid_t id() const { return id_; }

    /// What the user's processes see of the file system.
    struct View {
        files::Path tmp;   ///< becomes /tmp and /var/tmp
        files::Path hide;  ///< is empty but for what is open
        struct Open {
            files::Path from, to;
        };
        std::vector<Open> open;
    };
    /// The command as this user's, with that view. Needs sluice-exec.
    spawn::Command wrap(spawn::Command command, const View& view) const;

    /// Gives a file, or a folder and all in it, to the user; links are not followed, and what has
    /// several names is left out.
    Result<> own(const files::Path& path) const;

    /// Gives the files in a folder to the user, which may pass it; the folder itself stays ours, so
    /// that what we write into it later lands nowhere else. Nothing when there is none.
    Result<> lend(const files::Path& folder) const;

    /// Ends all processes of the user and removes what they left in shared memory. False when some
    /// could not be ended. Blocking.
    bool end(Duration patience) const;
    /// Ends the processes alone.
    bool end_processes(Duration patience) const;

    /// The same for the user of a dead runner, if nobody has taken the number since.
    static bool end_left(uid_t id, Duration patience);

private:
    HostUser(uid_t id, files::LockFile lock) : id_(id), lock_(std::move(lock)) {}
    uid_t id_;
    files::LockFile lock_;
};

}  // namespace sluice::agent
