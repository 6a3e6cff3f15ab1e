#include "agent/executors/host/sandbox.hpp"

namespace sluice::agent {

namespace {

bool is_there(const files::Path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

}  // namespace

Result<Sandbox> Sandbox::find() {
    auto env = spawn::current_environment();
    auto found = spawn::find_program("bwrap", env["PATH"]);
    if (found) return Sandbox{*found};
    return error(Code::unsupported, "no_sandbox",
                 "this agent's owner wants jobs in a sandbox, and bubblewrap is not installed");
}

spawn::Command Sandbox::wrap(spawn::Command command, const AttemptFolder& folder,
                             const files::Path& files, const Shared& shared) const {
    std::vector<std::string> argv{program,
                                  "--die-with-parent",
                                  "--unshare-pid",
                                  "--unshare-ipc",
                                  "--ro-bind",
                                  "/",
                                  "/",
                                  "--dev",
                                  "/dev",
                                  "--proc",
                                  "/proc",
                                  "--tmpfs",
                                  "/tmp"};
    const auto add = [&](std::initializer_list<std::string> words) {
        argv.insert(argv.end(), words);
    };
    // Secrets as files stand there; it is memory.
    if (is_there("/dev/shm")) add({"--bind", "/dev/shm", "/dev/shm"});
    if (is_there("/var/tmp")) add({"--tmpfs", "/var/tmp"});
    // A socket of a container engine is the whole machine, read-only or not.
    for (const char* socket : {"/run/docker.sock", "/run/podman/podman.sock"})
        if (is_there(socket)) add({"--ro-bind", "/dev/null", socket});
    add({"--tmpfs", folder.path.parent_path().parent_path().string()});
    for (const files::Path& open : {folder.workspace(), files})
        add({"--bind", open.string(), open.string()});
    add({"--bind", shared.from.string(), shared.to.string()});
    add({"--chdir", command.directory.string(), "--"});
    argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    command.argv = std::move(argv);
    command.directory = "/";
    return command;
}

}  // namespace sluice::agent
