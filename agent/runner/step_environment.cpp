#include "agent/runner/step_environment.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"
#include "platform/spawn.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::agent {

namespace {

constexpr const char* k_default_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Linux refuses one argument of 128 KiB or more.
constexpr std::size_t k_argument_max = 120 << 10;

bool is_variable_name(std::string_view name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
    for (char c : name)
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z')))
            return false;
    return true;
}

bool is_reserved(std::string_view name) {
    return name == "CI" || name.starts_with("CI_");
}

void put(Environment& into, const Environment& from) {
    for (const auto& [name, value] : from)
        if (!is_reserved(name)) into[name] = value;
}

std::string upper(std::string name) {
    for (char& c : name)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return name;
}

/// The JSON value of a param. A decimal that JSON writes otherwise (`.5`, `+1`) is written anew.
std::string param_json(const model::ParamValue& param) {
    if (param.type == model::ParamType::boolean) return param.value;
    if (param.type == model::ParamType::number) {
        const auto as_is = json::parse(param.value);
        if (as_is && as_is->is_number()) return param.value;
        return json::serialize(json::Value(parse_decimal(param.value).value_or(0)));
    }
    return json::serialize(
        json::Value(boost::json::string_view(param.value.data(), param.value.size())));
}

}  // namespace

std::string params_text(const std::map<std::string, model::ParamValue>& params) {
    std::string out = "{";
    for (const auto& [name, param] : params)
        out += (out.size() > 1 ? ", \"" : "\"") + name + "\": " + param_json(param);
    return out + "}\n";
}

Environment base_environment(const Environment& own) {
    Environment base;
    for (const char* name : {"PATH", "HOME", "LANG", "TZ"})
        if (auto found = own.find(name); found != own.end()) base.insert(*found);
    if (base["PATH"].empty()) base["PATH"] = k_default_path;
    base.emplace("HOME", "/");
    return base;
}

StepFiles step_files(const files::Path& folder, std::size_t index) {
    const AttemptFolder files{folder};
    return {files.step_file(index, "output"), files.step_file(index, "env"),
            files.step_file(index, "summary")};
}

Result<std::string> read_step_file(const files::Path& path) {
    constexpr std::size_t k_file_max = 1 << 20;
    Result<files::Fd> file = files::open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (!file && file.error().code == Code::not_found) return std::string();
    if (!file) return file.error();
    struct stat status {};
    if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode))
        return error(Code::invalid, "not_a_file", "not a regular file");
    return files::read_file("/proc/self/fd/" + std::to_string(file->get()), k_file_max);
}

std::vector<std::pair<std::string, std::string>> parse_assignments(
    std::string_view text, std::vector<std::string>& problems) {
    std::vector<std::pair<std::string, std::string>> result;
    int line_number = 0;
    auto next_line = [&](std::string_view& line) {
        if (text.empty()) return false;
        std::size_t end = text.find('\n');
        line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        ++line_number;
        return true;
    };
    std::string_view line;
    while (next_line(line)) {
        if (text::trim(line).empty()) continue;
        std::size_t equals = line.find('='), heredoc = line.find("<<");
        bool block = heredoc < equals;
        std::string_view name = line.substr(0, block ? heredoc : equals);
        if ((!block && equals == std::string_view::npos) || !is_variable_name(name)) {
            problems.push_back("line " + std::to_string(line_number) +
                               ": expected name=value or name<<END");
            continue;
        }
        if (!block) {
            result.emplace_back(name, line.substr(equals + 1));
            continue;
        }
        std::string_view end = line.substr(heredoc + 2);
        std::string value;
        bool closed = false, first = true;
        int begun = line_number;
        while (!closed && next_line(line)) {
            closed = line == end;
            if (closed) break;
            if (!first) value += '\n';
            first = false;
            value += line;
        }
        if (!closed || end.empty()) {
            problems.push_back("line " + std::to_string(begun) + ": no closing \"" +
                               std::string(end) + "\"");
            continue;
        }
        result.emplace_back(name, std::move(value));
    }
    return result;
}

Environment step_environment(const StepSurroundings& around) {
    Environment env = around.base;
    put(env, around.job.spec.env);
    put(env, around.from_steps);
    put(env, around.step.env);
    for (const auto& [name, value] : around.job.env) env[name] = value;
    for (const auto& [name, param] : around.job.spec.params)
        env["CI_PARAM_" + upper(name)] = param.value;
    if (!around.params_file.empty()) env["CI_PARAMS_FILE"] = around.params_file.string();
    env["CI"] = "true";
    env["CI_WORKSPACE"] = around.workspace.string();
    env["CI_OUTPUT"] = around.files.output.string();
    env["CI_ENV"] = around.files.env.string();
    env["CI_SUMMARY"] = around.files.summary.string();
    if (const auto& test = around.job.spec.test; test.shards > 1) {
        env["CI_SHARD"] = std::to_string(test.shard);
        env["CI_SHARDS"] = std::to_string(test.shards);
    }
    env[k_marker_variable] = around.marker;
    return env;
}

Result<std::vector<std::string>> shell_command(const model::StepSpec& step, const FindProgram& find,
                                               const ScriptFile& script_file) {
    std::vector<std::string> command;
    auto bash = step.shell.empty() || step.shell == "bash"
                    ? find("bash")
                    : Result<std::string>(error(Code::not_found, "not_asked", ""));
    if (step.shell == "bash" || (step.shell.empty() && bash)) {
        if (!bash)
            return error(Code::not_found, "shell_missing",
                         "shell: bash is not installed on this agent");
        command = {*bash, "-eo", "pipefail"};
    } else if (step.shell == "sh" || step.shell.empty()) {
        auto sh = find("sh");
        command = {sh ? *sh : std::string("/bin/sh"), "-e"};
    } else if (step.shell == "python") {
        auto python = find("python3");
        if (!python) python = find("python");
        if (!python)
            return error(Code::not_found, "shell_missing",
                         "shell: python: python3 is not installed on this agent");
        command = {*python};
    } else {
        return error(Code::invalid, "shell_unknown",
                     "shell: " + step.shell + " is not known; use bash, sh or python");
    }
    if (step.run.size() <= k_argument_max) {
        command.insert(command.end(), {"-c", step.run});
        return command;
    }
    // Readable: in a container the step may be another user; the attempt's folder keeps others out.
    SLUICE_CHECK(files::write_atomic(script_file.outside, step.run, 0644, false));
    command.push_back(script_file.inside.string());
    return command;
}

Result<files::Path> step_directory(const files::Path& workspace, const files::Path& inside,
                                   const std::string& relative) {
    if (relative.empty()) return inside;
    std::error_code failed;
    files::Path root = std::filesystem::canonical(workspace, failed);
    files::Path wanted = std::filesystem::canonical(workspace / relative, failed);
    if (failed || !std::filesystem::is_directory(wanted))
        return error(Code::not_found, "working_directory",
                     "working_directory: " + relative + ": no such folder in the workspace");
    auto [end, ignored] = std::mismatch(root.begin(), root.end(), wanted.begin(), wanted.end());
    if (end != root.end())
        return error(Code::forbidden, "working_directory",
                     "working_directory: " + relative + " leaves the workspace");
    if (inside == workspace) return wanted;
    return (inside / std::filesystem::relative(wanted, root)).lexically_normal();
}

}  // namespace sluice::agent
