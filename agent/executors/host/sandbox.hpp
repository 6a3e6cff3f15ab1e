#pragma once
/// Host steps behind bubblewrap: the machine read-only, a /tmp and process numbers of their own, of
/// the agent's folder nothing but the workspace and the step files. The machine's owner asks for it
/// in executors.json. Pure but for the look at what exists. Any thread.

#include "agent/attempt_folder.hpp"
#include "platform/spawn.hpp"

namespace sluice::agent {

struct Sandbox {
    std::string program;  ///< bwrap

    /// Refused with a message for people when this machine has no bubblewrap.
    static Result<Sandbox> find();
    struct Shared {
        files::Path from, to;
    };
    /// The command, behind it. It may write to `shared`, too.
    spawn::Command wrap(spawn::Command command, const AttemptFolder& folder,
                        const files::Path& files, const Shared& shared) const;
};

}  // namespace sluice::agent
