#include "hooks/git/install.hpp"

#include "hooks/git/git_config.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sluice::hooks {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_program = "sluice-hook";
constexpr std::array k_hooks{std::string_view("post-receive"), std::string_view("update")};

/// Gives files that root made to the repository's owner: the hook runs as that user and must read
/// its secret.
class Owner {
public:
    explicit Owner(const fs::path& repository) {
        struct stat status {};
        known_ = ::geteuid() == 0 && ::stat(repository.c_str(), &status) == 0;
        user_ = status.st_uid;
        group_ = status.st_gid;
    }
    Result<> give(const fs::path& path) const {
        if (known_ && ::lchown(path.c_str(), user_, group_) != 0)
            return files::errno_error(errno, "chown " + path.string());
        return {};
    }

private:
    bool known_ = false;
    uid_t user_ = 0;
    gid_t group_ = 0;
};

Error bad_option(std::string name, std::string message) {
    return error(Code::invalid, "bad_option", name + " " + std::move(message), name);
}

Result<> check_text(const std::string& name, const std::string& value, std::size_t max_bytes) {
    if (value.size() > max_bytes)
        return bad_option(name, "is longer than " + std::to_string(max_bytes) + " bytes");
    for (char c : value)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            return bad_option(name, "must not have line breaks or other control characters");
    if (!value.empty() && (value.front() == ' ' || value.back() == ' '))
        return bad_option(name, "must not begin or end with a space");
    return {};
}

Result<> check(const InstallOptions& options) {
    SLUICE_CHECK(check_text("server", options.server, 80));
    SLUICE_CHECK(check_text("secret", options.secret, 1000));
    SLUICE_CHECK(check_text("url", options.url, 1000));
    for (const std::string& glob : options.protect) SLUICE_CHECK(check_text("protect", glob, 190));
    if (options.protect.size() > 64) return bad_option("protect", "has more than 64 globs");
    if (options.server.find(':') == std::string::npos)
        return bad_option("server", "must be host:port, such as 127.0.0.1:8080");
    if (options.server.find("//") != std::string::npos)
        return bad_option(
            "server",
            "must be host:port of a plain HTTP listener, without a scheme; sluice-hook has no TLS");
    if (options.secret.empty())
        return bad_option("secret", "is missing; the server shows it when the project is made");
    const bool plain =
        !options.project.empty() && options.project.size() < 200 &&
        std::all_of(options.project.begin(), options.project.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '.' || c == '_' || c == '-';
        });
    if (!plain)
        return bad_option("project", "must be letters, digits, dots, dashes and underscores");
    if (!options.program.is_absolute() || ::access(options.program.c_str(), X_OK) != 0)
        return bad_option("program", "must be the absolute path of the executable sluice-hook");
    return {};
}

Result<std::string> read_config(const fs::path& repository) {
    if (!fs::exists(repository / "config")) return std::string();
    return files::read_file(repository / "config", 1 << 20);
}

/// The configuration of a bare repository with hooks in the usual place.
Result<std::string> check_repository(const fs::path& repository) {
    const std::string shown = repository.string();
    std::error_code ignored;
    const bool is_git_dir = fs::is_regular_file(repository / "HEAD", ignored) &&
                            fs::is_directory(repository / "objects", ignored) &&
                            fs::is_directory(repository / "refs", ignored);
    if (!is_git_dir && fs::exists(repository / ".git", ignored))
        return error(
            Code::invalid, "not_bare",
            shown + " is a working copy; install into the bare repository that people push to");
    if (!is_git_dir)
        return error(Code::invalid, "not_a_repository", shown + " is no git repository");
    SLUICE_TRY(std::string config, read_config(repository));
    if (git_config_value(config, "core", "bare").value_or("true") == "false")
        return error(
            Code::invalid, "not_bare",
            shown +
                " belongs to a working copy; install into the bare repository that people push to");
    if (auto path = git_config_value(config, "core", "hookspath"))
        return error(Code::invalid, "hooks_elsewhere",
                     shown + " takes its hooks from " + *path +
                         " (core.hooksPath); unset that, or link sluice-hook there");
    return config;
}

std::string config_text(const fs::path& repository, const InstallOptions& options) {
    std::string out = "# Written by sluice; docs/reference/webhooks.md explains it.\n";
    out += "server = " + options.server + "\n";
    out += "project = " + options.project + "\n";
    out += "secret = " + options.secret + "\n";
    out +=
        "url = " +
        (options.url.empty() ? fs::absolute(repository).lexically_normal().string() : options.url) +
        "\n";
    for (const std::string& glob : options.protect) out += "protect = " + glob + "\n";
    return out;
}

bool is_ours(const fs::path& hook) {
    std::error_code failed;
    const fs::path target = fs::read_symlink(hook, failed);
    return !failed && target.filename() == k_program;
}

fs::path before(const fs::path& hook) {
    return hook.string() + ".before-sluice";
}

Result<> rename_file(const fs::path& from, const fs::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0)
        return files::errno_error(errno, "rename " + from.string() + " to " + to.string());
    return {};
}

Result<> link_hook(const fs::path& hook, const fs::path& program, const Owner& owner) {
    const bool there = fs::is_symlink(fs::symlink_status(hook)) || fs::exists(hook);
    if (there && !is_ours(hook)) {
        if (fs::exists(before(hook)))
            return error(Code::conflict, "hook_conflict",
                         "both " + hook.string() + " and " + before(hook).string() +
                             " are foreign hooks; merge them into the second and remove the first");
        SLUICE_CHECK(rename_file(hook, before(hook)));
    }
    // A link under another name and a rename: a push that comes in between finds the old hook or
    // the new one.
    const fs::path fresh = hook.string() + ".new";
    ::unlink(fresh.c_str());
    if (::symlink(program.c_str(), fresh.c_str()) != 0)
        return files::errno_error(errno, "link " + fresh.string());
    SLUICE_CHECK(owner.give(fresh));
    return rename_file(fresh, hook);
}

Result<> unlink_hook(const fs::path& hook) {
    if (!is_ours(hook)) return {};
    if (fs::exists(before(hook))) return rename_file(before(hook), hook);
    if (::unlink(hook.c_str()) != 0) return files::errno_error(errno, "remove " + hook.string());
    return {};
}

/// Appends the setting by git's own protocol: config.lock is made exclusively and renamed over
/// config.
Result<> advertise_push_options(const fs::path& repository, std::string config,
                                const Owner& owner) {
    if (git_config_value(config, "receive", "advertisepushoptions") == "true") return {};
    const fs::path lock = repository / "config.lock";
    files::Fd fd(::open(lock.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd && errno == EEXIST)
        return error(
            Code::conflict, "config_locked",
            lock.string() + " exists: git is changing the configuration, or died doing so");
    if (!fd) return files::errno_error(errno, "create " + lock.string());
    if (!config.empty() && config.back() != '\n') config += '\n';
    config += "[receive]\n\tadvertisePushOptions = true\n";
    auto written = files::write_at(fd.get(), config, 0);
    if (written) written = owner.give(lock);
    if (written) written = rename_file(lock, repository / "config");
    if (!written) ::unlink(lock.c_str());
    return written;
}

}  // namespace

Result<> install(const files::Path& repository, const InstallOptions& options) {
    SLUICE_CHECK(check(options));
    SLUICE_TRY(std::string config, check_repository(repository));
    const Owner owner(repository);
    const fs::path settings = repository / "sluice.conf";
    SLUICE_CHECK(files::write_atomic(settings, config_text(repository, options), 0600));
    SLUICE_CHECK(owner.give(settings));
    SLUICE_CHECK(files::make_dirs(repository / "sluice-spool", 0700));
    SLUICE_CHECK(owner.give(repository / "sluice-spool"));
    SLUICE_CHECK(files::make_dirs(repository / "hooks"));
    SLUICE_CHECK(link_hook(repository / "hooks" / "post-receive", options.program, owner));
    if (options.update)
        SLUICE_CHECK(link_hook(repository / "hooks" / "update", options.program, owner));
    else
        SLUICE_CHECK(unlink_hook(repository / "hooks" / "update"));
    return advertise_push_options(repository, std::move(config), owner);
}

Result<> uninstall(const files::Path& repository) {
    SLUICE_TRY([[maybe_unused]] std::string config, check_repository(repository));
    for (std::string_view name : k_hooks) SLUICE_CHECK(unlink_hook(repository / "hooks" / name));
    const fs::path settings = repository / "sluice.conf";
    if (::unlink(settings.c_str()) != 0 && errno != ENOENT)
        return files::errno_error(errno, "remove " + settings.string());
    ::rmdir((repository / "sluice-spool").c_str());  // stays when deliveries wait in it
    return {};
}

}  // namespace sluice::hooks
