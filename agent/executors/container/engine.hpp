#pragma once
/// The container engine's command line: podman, or docker where it understands the same words.
/// Argument vectors only, and only the options that are spelled out here: nothing that a pipeline
/// says becomes an option (security study S18). Any thread.

#include "agent/executors/external_name.hpp"
#include "agent/executors/settings.hpp"
#include "platform/spawn.hpp"

#include <map>
#include <optional>

namespace sluice::agent {

/// Label of everything that belongs to an attempt; its value is the attempt's external name.
inline constexpr const char* k_container_label = "io.sluice.attempt";

/// What an image says about itself.
struct ImageFacts {
    std::string id;      ///< what is started, so that it is what was looked at
    std::string digest;  ///< of the manifest; "" when the engine does not know one
    std::string user;    ///< "" = root
    std::map<std::string, std::string> labels;  ///< and annotations
    std::vector<int> ports;                     ///< tcp ports that it says it serves
    bool asks_for_gpus = false;                 ///< by NVIDIA_VISIBLE_DEVICES
};
/// From `image inspect`. Refused when it is not what the engine should have printed.
Result<ImageFacts> image_facts(std::string_view inspected);

/// Why an image with these facts is not started, or nothing (security study S19).
std::optional<std::string> refused_image(const ImageFacts& facts);

/// Where a running container is reached.
struct ContainerPlace {
    std::string address;       ///< in the network it was asked for
    std::map<int, int> ports;  ///< of the container → of this machine's loopback address
    bool running = false;
    std::optional<int> exit_code;
};
/// From `inspect`.
Result<ContainerPlace> container_place(std::string_view inspected, const std::string& network);

struct Mount {
    files::Path from, to;
    bool read_only = false;
    bool for_user = false;  ///< given to the container's user, where only the engine can
};

/// Everything about a container that is not the machine owner's decision.
struct ContainerSpec {
    std::string name;     ///< derived from the attempt
    std::string attempt;  ///< value of the label
    std::string image;    ///< id
    std::string network;
    std::string user;                     ///< "" = the image's
    std::vector<std::string> entrypoint;  ///< empty = the image's
    std::vector<std::string> arguments;
    std::map<std::string, std::string> env;  ///< no secrets: they are words of the command
    std::vector<Mount> mounts;
    std::map<std::string, std::string> hosts;  ///< name → address
    std::vector<int> ports;                    ///< published on free ports of the loopback address
    files::Path directory;
    files::Path log_file;  ///< where the engine writes the output, if it can; see read_engine_log()
    files::Path engine_directory;   ///< where the engine stands: its monitor leaves files there
    std::int64_t cpu_millis = 0;    ///< 0 = no limit
    std::int64_t memory = 0;        ///< bytes, 0 = no limit
    std::vector<std::string> gpus;  ///< uuids
    bool asks_for_gpus = false;     ///< the image does, of whoever starts it
    /// What database images need to become their own user.
    std::vector<std::string> capabilities;
};

class Engine {
public:
    /// Refused with a message for people when this machine has no engine.
    static Result<Engine> find(const ContainerSettings& settings);

    const std::string& program() const { return program_; }
    bool is_podman() const { return podman_; }
    /// podman of a user who is not root: a container's users are numbers that this user was given.
    bool is_rootless() const;
    /// A published port accepts connections before the container does: a process of the engine's
    /// stands between, and hangs up on whoever it can't connect on.
    bool answers_for_containers() const;
    /// To be said after what the engine says when a container with GPUs does not start.
    std::string_view advice_for_gpus() const;

    /// False for a program whose service does not run. Blocking, a few seconds at most.
    bool works() const;

    /// A call of the engine with these words.
    spawn::Command command(std::vector<std::string> words) const;
    /// Starts a container in the background. Nothing of `spec` gets into the engine's own
    /// environment: a pipeline could say LD_PRELOAD or CONTAINERS_CONF there.
    spawn::Command run(const ContainerSpec& spec) const;

private:
    void add_gpus(const ContainerSpec& spec, std::vector<std::string>& words) const;
    Engine(std::string program, bool podman, const ContainerSettings& settings)
        : program_(std::move(program)), podman_(podman), settings_(settings) {}
    std::string program_;
    bool podman_;
    ContainerSettings settings_;
};

/// What a container has written, from whole lines of its log_file (`TIME STREAM F|P TEXT`, or the
/// text alone when it is `bare`); an unfinished last one is left.
struct EngineLog {
    std::string text;
    std::size_t taken = 0;  ///< bytes of `raw`
};
EngineLog read_engine_log(std::string_view raw, bool bare = false);

/// The last line of an engine's complaint, without its trappings.
std::string complaint(const spawn::Finished& finished);

}  // namespace sluice::agent
