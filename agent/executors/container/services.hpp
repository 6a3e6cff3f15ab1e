#pragma once
/// `services`: containers beside a job, in a network with it. They start before the first step,
/// must be ready before it, and end with the attempt. Steps in containers reach one by its name,
/// steps of the host by a port of the loopback address. Runner's thread.

#include "agent/executors/container/engine.hpp"
#include "agent/executors/executor.hpp"

#include <boost/asio/steady_timer.hpp>

namespace sluice::agent {

struct ServiceSpec {
    std::string name, image;
    std::map<std::string, std::string> env;
    std::vector<std::string> command;  ///< empty = the image's
    int tcp = 0;                       ///< of `ready`: a port that must accept connections
    int http_port = 0;                 ///< of `ready`: must answer 2xx at http_path
    std::string http_path;
    std::vector<std::string> check;  ///< of `ready`: must end with 0 in the container
    Duration timeout{60'000};
    bool operator==(const ServiceSpec&) const = default;
};
/// What the job's `services` say. Refused with what is wrong.
Result<std::vector<ServiceSpec>> services_of(const model::JobSpec& spec);

class Services {
public:
    /// `for_containers`: the job's steps are in the same network. `stopped` tells that nobody waits
    /// any more.
    /// `said` gets whole lines of a service as they come; false: not now, they are offered again.
    using Said = std::function<bool(const std::string& name, const std::string& lines)>;
    Services(const ExecutorParts& parts, Engine engine, bool for_containers,
             std::function<bool()> stopped, Said said);

    /// Starts all of them and waits until they are ready; says so in the log.
    std::optional<Refusal> start(const std::vector<ServiceSpec>& specs, Sidecars& sidecars);
    /// CI_SERVICE_<NAME>_HOST and _PORT.
    const Environment& environment() const { return environment_; }

    struct Ended {
        std::string name;
        std::string log;               ///< its newest part
        std::optional<int> exit_code;  ///< nothing = it ran to the end of the job
    };
    /// What each has said; asked once, at the job's end. Nothing is said as it comes from then on.
    std::vector<Ended> ended();
    /// Removes them and the network. Blocking.
    Result<> clean_up();

private:
    struct Running {
        ServiceSpec spec;
        std::string container;
        ContainerPlace place;
        files::Path log;
        std::int64_t log_at = 0;  ///< what has been said
        /// A child of ours that writes `log`, where the engine does not; 0 = none.
        pid_t follower = 0;
    };
    Result<> follow(Running& service);
    static void await_follower(const Running& service);
    void listen();
    void say_more(Running& service);
    std::string log_of(const Running& service);
    std::optional<Refusal> start_one(const ServiceSpec& spec, Sidecars& sidecars);
    std::optional<Refusal> await_ready(Running& service);
    bool is_ready(const Running& service);
    Result<ContainerPlace> look(const std::string& container);

    ExecutorParts parts_;
    Engine engine_;
    std::string name_;
    bool for_containers_;
    std::function<bool()> stopped_;
    Said said_;
    boost::asio::steady_timer listening_;
    std::vector<Running> running_;
    Environment environment_;
    bool made_ = false;
};

}  // namespace sluice::agent
