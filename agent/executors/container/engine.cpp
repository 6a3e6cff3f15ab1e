#include "agent/executors/container/engine.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <cstdlib>

namespace sluice::agent {

namespace {

constexpr const char* k_default_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What nvidia's runtime and hook go by, where the machine's owner has set them up.
constexpr std::string_view k_gpus_of_image = "NVIDIA_VISIBLE_DEVICES=";

/// What of the agent's environment the engine needs to find its configuration and its store.
std::map<std::string, std::string> engine_environment() {
    const auto own = spawn::current_environment();
    std::map<std::string, std::string> env{{"PATH", k_default_path}};
    for (const char* name :
         {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
          "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF",
          "CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE", "DOCKER_HOST", "DOCKER_CONFIG"})
        if (auto found = own.find(name); found != own.end())
            env.insert_or_assign(name, found->second);
    return env;
}

void take_map(const json::Object& image, std::string_view key,
              std::map<std::string, std::string>& into) {
    const json::Value* member = image.if_contains(key);
    if (member == nullptr || !member->is_object()) return;
    for (const auto& [name, value] : member->as_object())
        if (value.is_string()) into[std::string(name)] = std::string(value.as_string());
}

std::string text_of(const json::Object& object, std::string_view key) {
    const json::Value* member = object.if_contains(key);
    return member != nullptr && member->is_string() ? std::string(member->as_string()) : "";
}

}  // namespace

Result<ImageFacts> image_facts(std::string_view inspected) {
    SLUICE_TRY(json::Value value, json::parse(inspected, {.bytes = 16 << 20, .depth = 32}));
    if (!value.is_array() || value.as_array().size() != 1 || !value.as_array()[0].is_object())
        return error(Code::invalid, "bad_inspect", "the engine says nothing about the image");
    const json::Object& image = value.as_array()[0].as_object();
    ImageFacts facts;
    facts.id = text_of(image, "Id");
    facts.digest = text_of(image, "Digest");
    if (const json::Value* digests = image.if_contains("RepoDigests");
        facts.digest.empty() && digests != nullptr && digests->is_array() &&
        !digests->as_array().empty() && digests->as_array()[0].is_string()) {
        const std::string named(digests->as_array()[0].as_string());
        if (std::size_t at = named.find('@'); at != std::string::npos)
            facts.digest = named.substr(at + 1);
    }
    take_map(image, "Annotations", facts.labels);
    take_map(image, "Labels", facts.labels);
    if (const json::Value* config = image.if_contains("Config");
        config != nullptr && config->is_object()) {
        facts.user = text_of(config->as_object(), "User");
        take_map(config->as_object(), "Labels", facts.labels);
        if (const json::Value* env = config->as_object().if_contains("Env");
            env != nullptr && env->is_array())
            for (const json::Value& variable : env->as_array())
                facts.asks_for_gpus =
                    facts.asks_for_gpus ||
                    (variable.is_string() &&
                     std::string_view(variable.as_string()).starts_with(k_gpus_of_image));
        if (const json::Value* ports = config->as_object().if_contains("ExposedPorts");
            ports != nullptr && ports->is_object())
            for (const auto& [port, nothing] : ports->as_object())
                if (std::string_view(port).ends_with("/tcp"))
                    facts.ports.push_back(std::atoi(std::string(port).c_str()));
    }
    if (facts.id.empty())
        return error(Code::invalid, "bad_inspect", "the engine says nothing about the image");
    return facts;
}

Result<ContainerPlace> container_place(std::string_view inspected, const std::string& network) {
    SLUICE_TRY(json::Value value, json::parse(inspected, {.bytes = 16 << 20, .depth = 32}));
    const auto nothing = error(Code::invalid, "bad_inspect", "the engine says nothing of it");
    if (!value.is_array() || value.as_array().size() != 1 || !value.as_array()[0].is_object())
        return nothing;
    const json::Object& container = value.as_array()[0].as_object();
    ContainerPlace place;
    if (const json::Value* state = container.if_contains("State");
        state != nullptr && state->is_object()) {
        const json::Value* running = state->as_object().if_contains("Running");
        const json::Value* code = state->as_object().if_contains("ExitCode");
        place.running = running != nullptr && running->is_bool() && running->as_bool();
        if (!place.running && code != nullptr && code->is_int64())
            place.exit_code = static_cast<int>(code->as_int64());
    }
    const json::Value* settings = container.if_contains("NetworkSettings");
    if (settings == nullptr || !settings->is_object()) return nothing;
    if (const json::Value* networks = settings->as_object().if_contains("Networks");
        networks != nullptr && networks->is_object())
        if (const json::Value* ours = networks->as_object().if_contains(network);
            ours != nullptr && ours->is_object())
            place.address = text_of(ours->as_object(), "IPAddress");
    if (const json::Value* ports = settings->as_object().if_contains("Ports");
        ports != nullptr && ports->is_object())
        for (const auto& [port, bindings] : ports->as_object())
            if (bindings.is_array() && !bindings.as_array().empty() &&
                bindings.as_array()[0].is_object())
                place.ports[std::atoi(std::string(port).c_str())] =
                    std::atoi(text_of(bindings.as_array()[0].as_object(), "HostPort").c_str());
    return place;
}

std::optional<std::string> refused_image(const ImageFacts& facts) {
    for (const auto& [name, value] : facts.labels)
        if (name.starts_with("io.podman.annotations.checkpoint") ||
            name.starts_with("io.kubernetes.cri-o.annotations.checkpoint"))
            return "it is a checkpoint (" + name +
                   "), and restoring one is a way out of a container";
    return std::nullopt;
}

Result<Engine> Engine::find(const ContainerSettings& settings) {
    const auto own = spawn::current_environment();
    const auto path = own.find("PATH");
    if (settings.engine == "none")
        return error(Code::unsupported, "no_engine",
                     "this agent's owner allows no containers, so it can't run jobs with an image");
    for (const std::string& name : {std::string("podman"), std::string("docker")}) {
        if (!settings.engine.empty() && settings.engine != name) continue;
        auto found = spawn::find_program(name, path == own.end() ? k_default_path : path->second);
        if (found) return Engine(*found, name == "podman", settings);
    }
    return error(Code::unsupported, "no_engine",
                 fmt::format("this machine has no {}, so it can't run jobs with an image",
                             settings.engine.empty() ? "podman" : settings.engine));
}

bool Engine::is_rootless() const {
    return podman_ && ::geteuid() != 0;
}

bool Engine::answers_for_containers() const {
    return !podman_ || is_rootless();
}

std::string_view Engine::advice_for_gpus() const {
    return podman_ ? "; podman knows GPUs by uuid after `nvidia-ctk cdi generate "
                     "--device-name-strategy=uuid --output=/etc/cdi/nvidia.yaml`"
                   : "; docker knows GPUs where nvidia-container-toolkit is installed";
}

bool Engine::works() const {
    if (podman_) return true;  // it needs no service
    const spawn::Command version = command({"version"});
    auto done =
        spawn::run(version.argv,
                   {.env = version.env, .directory = {}, .input = {}, .timeout = Duration{5'000}});
    return done && done->exit.ok();
}

spawn::Command Engine::command(std::vector<std::string> words) const {
    spawn::Command command;
    command.argv.push_back(program_);
    // Its warnings would stand among what it is asked for.
    if (podman_) command.argv.push_back("--log-level=error");
    command.argv.insert(command.argv.end(), std::make_move_iterator(words.begin()),
                        std::make_move_iterator(words.end()));
    command.env = engine_environment();
    return command;
}

spawn::Command Engine::run(const ContainerSpec& spec) const {
    std::vector<std::string> words{"run",
                                   "--detach",
                                   "--name",
                                   spec.name,
                                   "--label",
                                   std::string(k_container_label) + "=" + spec.attempt,
                                   "--pull",
                                   "never",
                                   "--network",
                                   spec.network,
                                   "--cap-drop=all",
                                   "--security-opt=no-new-privileges",
                                   "--no-healthcheck",
                                   fmt::format("--pids-limit={}", settings_.pids)};
    if (podman_) words.insert(words.end(), {"--http-proxy=false", "--log-driver=k8s-file"});
    if (podman_ && !spec.log_file.empty())
        words.push_back("--log-opt=path=" + spec.log_file.string());
    for (const std::string& name : settings_.capabilities) words.push_back("--cap-add=" + name);
    for (const std::string& name : spec.capabilities) words.push_back("--cap-add=" + name);
    if (spec.memory > 0) {
        words.push_back(fmt::format("--memory={}", spec.memory));
        words.push_back(fmt::format("--memory-swap={}", spec.memory));
    }
    if (spec.cpu_millis > 0)
        words.push_back(
            fmt::format("--cpus={}.{:03}", spec.cpu_millis / 1000, spec.cpu_millis % 1000));
    if (settings_.read_only) words.insert(words.end(), {"--read-only", "--tmpfs", "/tmp"});
    if (!settings_.userns.empty()) words.push_back("--userns=" + settings_.userns);
    add_gpus(spec, words);
    if (!spec.user.empty()) words.push_back("--user=" + spec.user);
    if (!spec.directory.empty()) words.push_back("--workdir=" + spec.directory.string());
    for (const Mount& mount : spec.mounts) {
        std::string options = mount.read_only ? "ro" : "rw";
        if (mount.for_user && is_rootless()) options += ",U";
        words.push_back("--volume=" + mount.from.string() + ":" + mount.to.string() + ":" +
                        options);
    }
    for (const auto& [name, address] : spec.hosts)
        words.push_back("--add-host=" + name + ":" + address);
    for (int port : spec.ports) words.push_back(fmt::format("--publish=127.0.0.1::{}", port));
    for (const auto& [name, value] : spec.env)
        words.insert(words.end(), {"--env", name + "=" + value});
    if (!spec.entrypoint.empty()) words.push_back("--entrypoint=" + spec.entrypoint[0]);
    words.insert(words.end(), {"--", spec.image});
    if (spec.entrypoint.size() > 1)
        words.insert(words.end(), spec.entrypoint.begin() + 1, spec.entrypoint.end());
    words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
    spawn::Command out = command(std::move(words));
    out.directory = spec.engine_directory;
    return out;
}

/// podman by CDI. docker by an option that every version has: CDI is of 25.0. Both know GPUs by
/// uuid.
void Engine::add_gpus(const ContainerSpec& spec, std::vector<std::string>& words) const {
    // Else an image that says `all` would get what is reserved for others.
    if (spec.asks_for_gpus && (podman_ || spec.gpus.empty()))
        words.insert(words.end(), {"--env", std::string(k_gpus_of_image) + "void"});
    if (spec.gpus.empty()) return;
    if (podman_) {
        for (const std::string& gpu : spec.gpus)
            words.insert(words.end(), {"--device", "nvidia.com/gpu=" + gpu});
        return;
    }
    // One field of a comma-separated list, hence the quotes.
    words.insert(words.end(), {"--gpus", fmt::format("\"device={}\"", fmt::join(spec.gpus, ","))});
}

EngineLog read_engine_log(std::string_view raw, bool bare) {
    EngineLog out;
    if (bare) {
        out.taken = raw.rfind('\n') + 1;  // 0 when there is none
        out.text = raw.substr(0, out.taken);
        return out;
    }
    while (true) {
        const std::size_t end = raw.find('\n', out.taken);
        if (end == std::string_view::npos) return out;
        const std::string_view line = raw.substr(out.taken, end - out.taken);
        out.taken = end + 1;
        const std::size_t stream = line.find(' ');
        const std::size_t tag = line.find(' ', stream == line.npos ? stream : stream + 1);
        if (tag == line.npos || tag + 2 > line.size()) continue;
        if (tag + 3 <= line.size()) out.text += line.substr(tag + 3);
        if (line[tag + 1] == 'F') out.text += '\n';
    }
}

std::string complaint(const spawn::Finished& finished) {
    std::string last = "it said nothing";
    for (const std::string& line : text::split(finished.output, '\n'))
        if (!text::trim(line).empty()) last = std::string(text::trim(line));
    for (std::string_view prefix : {"Error: ", "Error response from daemon: "})
        if (last.starts_with(prefix)) last.erase(0, prefix.size());
    return text::sanitize_utf8(last, 500);
}

}  // namespace sluice::agent
