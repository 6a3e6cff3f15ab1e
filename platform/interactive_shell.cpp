#include "platform/interactive_shell.hpp"

namespace sluice::spawn {

std::vector<std::string> interactive_shell(
    std::map<std::string, std::string>& env, const ShellLook& look,
    const std::function<Result<std::string>(const std::string& program)>& find) {
    env["TERM"] = look.term;
    env["HISTFILE"] = look.history;
    if (auto bash = find("bash")) {
        env["PS1"] = "(" + look.job + ") \\w \\$ ";
        return {*bash, "--norc", "--noprofile", "-i"};
    }
    env["PS1"] = "(" + look.job + ") $ ";
    const auto sh = find("sh");
    return {sh ? *sh : std::string("/bin/sh"), "-i"};
}

}  // namespace sluice::spawn
