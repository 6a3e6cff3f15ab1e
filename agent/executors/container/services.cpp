#include "agent/executors/container/services.hpp"

#include "agent/executors/container/images.hpp"
#include "pipelines/base/text.hpp"
#include "platform/http_client.hpp"

#include <fmt/format.h>
#include <boost/asio/steady_timer.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace sluice::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration k_pause{100};
constexpr Duration k_connect{1'000};
constexpr Duration k_check{10'000};
constexpr Duration k_engine_patience{60'000};
constexpr std::size_t k_log_kept = 1 << 20;
constexpr Duration k_listen{500};
/// How long a connection must live to be more than one of the engine's proxy, which finds out at
/// once that nobody listens behind it.
constexpr Duration k_hung_up{250};
constexpr Duration k_last_words{2'000};
constexpr std::int64_t k_log_piece = 64 << 10;
/// A service that talks without end is not listened to for ever; its newest lines come at the end.
constexpr std::int64_t k_said_most = 1 << 20;

std::vector<std::string> words_of(json::ObjectReader& in, std::string_view key) {
    const json::Value* value = in.find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return in.strings_or_empty(key, 256);
    // One text is one command line of a shell, as `run` is.
    return {"/bin/sh", "-c", std::string(value->as_string())};
}

Result<ServiceSpec> service(std::string name, const json::Value& value) {
    json::ObjectReader in(value, "/services/" + name);
    ServiceSpec out;
    out.name = std::move(name);
    out.image = in.string("image", 1024);
    if (const json::Value* env = in.find("env"); env != nullptr && env->is_object())
        for (const auto& [key, text] : env->as_object())
            out.env[std::string(key)] =
                text.is_string() ? std::string(text.as_string()) : json::serialize(text);
    out.command = words_of(in, "cmd");
    SLUICE_CHECK(in.finish());
    const json::Value* ready = in.find("ready");
    if (ready == nullptr) return out;
    json::ObjectReader when(*ready, "/services/" + out.name + "/ready");
    out.tcp = static_cast<int>(when.integer_or("tcp", 0, 0, 65535));
    const std::string http = when.string_or("http", "", 2048);
    if (!http.empty()) {
        const std::size_t colon = http.find(':'), slash = std::min(http.find('/'), http.size());
        const std::string port = colon == std::string::npos || colon > slash
                                     ? "80"
                                     : http.substr(colon + 1, slash - colon - 1);
        out.http_port = std::atoi(port.c_str());
        out.http_path = slash == http.size() ? "/" : http.substr(slash);
        if (out.http_port < 1 || out.http_port > 65535)
            when.fail("http", "`:8080/health` is required: a port and a path");
    }
    out.check = words_of(when, "cmd");
    out.timeout = Duration{when.integer_or("timeout", 60'000, 1, 86'400'000)};
    SLUICE_CHECK(when.finish());
    return out;
}

/// `by_proxy`: something between accepts for the service.
bool accepts(int port, bool by_proxy) {
    files::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!socket) return false;
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        pollfd ready{socket.get(), POLLOUT, 0};
        int failed = 0;
        socklen_t size = sizeof failed;
        if (errno != EINPROGRESS || ::poll(&ready, 1, static_cast<int>(k_connect.count())) != 1 ||
            ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0 || failed != 0)
            return false;
    }
    if (!by_proxy) return true;
    // A service that greets, or waits for us to say something, is one that listens.
    pollfd greeting{socket.get(), POLLIN, 0};
    if (::poll(&greeting, 1, static_cast<int>(k_hung_up.count())) == 0) return true;
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 1;
}

bool answers(int port, const std::string& path) {
    http_client::Client client;
    http_client::Request request;
    request.url = fmt::format("http://127.0.0.1:{}{}", port, path);
    request.timeout = k_connect;
    auto reply = client.send(request);
    return reply && reply->ok();
}

std::string variable_of(std::string_view service) {
    std::string out = "CI_SERVICE_";
    for (char c : service)
        out += c >= 'a' && c <= 'z'                               ? static_cast<char>(c - 'a' + 'A')
               : (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c
                                                                  : '_';
    return out;
}

}  // namespace

Result<std::vector<ServiceSpec>> services_of(const model::JobSpec& spec) {
    std::vector<ServiceSpec> out;
    const json::Value* services = spec.settings.if_contains("services");
    if (services == nullptr || !services->is_object()) return out;
    for (const auto& [name, value] : services->as_object()) {
        SLUICE_TRY(ServiceSpec one, service(std::string(name), value));
        out.push_back(std::move(one));
    }
    return out;
}

Services::Services(const ExecutorParts& parts, Engine engine, bool for_containers,
                   std::function<bool()> stopped, Said said)
    : parts_(parts),
      engine_(std::move(engine)),
      name_(external_name(parts.folder.path)),
      for_containers_(for_containers),
      stopped_(std::move(stopped)),
      said_(std::move(said)),
      listening_(parts.lender.io()) {}

std::optional<Refusal> Services::start(const std::vector<ServiceSpec>& specs, Sidecars& sidecars) {
    if (Result<> written = parts_.lender.intend("container", name_); !written)
        return Refusal{written.error()};
    made_ = true;
    if (auto refused = make_network(engine_, parts_.lender, name_)) return refused;
    sidecars.network = true;
    for (const ServiceSpec& spec : specs)
        if (auto refused = start_one(spec, sidecars)) return refused;
    listen();
    for (Running& service : running_)
        if (auto refused = await_ready(service)) return refused;
    return std::nullopt;
}

std::optional<Refusal> Services::start_one(const ServiceSpec& spec, Sidecars& sidecars) {
    ImageFacts facts;
    if (auto refused = fetch_image(engine_, parts_, spec.image, model::PullPolicy::missing, facts))
        return refused;
    std::vector<int> ports;
    for (int port : {spec.tcp, spec.http_port})
        if (port > 0) ports.push_back(port);
    for (int port : facts.ports)
        if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
    ContainerSpec wanted;
    wanted.name = name_ + "-" + spec.name;
    wanted.attempt = name_;
    wanted.engine_directory = parts_.folder.path;
    wanted.log_file = parts_.folder.path / ("service-" + spec.name + ".log");
    wanted.image = facts.id;
    wanted.asks_for_gpus = facts.asks_for_gpus;
    wanted.network = name_;
    wanted.arguments = spec.command;
    wanted.env = spec.env;
    wanted.hosts = sidecars.hosts;
    wanted.ports = ports;
    wanted.capabilities = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"};
    if (auto refused =
            call_engine(parts_.lender, engine_.run(wanted),
                        "service " + spec.name + " could not be started", model::Cause::setup))
        return refused;
    running_.push_back({spec, wanted.name, {}, wanted.log_file});
    Running& service = running_.back();
    if (!engine_.is_podman())
        if (Result<> followed = follow(service); !followed) return Refusal{followed.error()};
    auto place = look(service.container);
    if (!place) return Refusal{place.error()};
    service.place = std::move(*place);
    if (!service.place.address.empty()) sidecars.hosts[spec.name] = service.place.address;
    const std::string variable = variable_of(spec.name);
    environment_[variable + "_HOST"] = for_containers_ ? spec.name : "127.0.0.1";
    if (ports.empty()) return std::nullopt;
    const auto published = service.place.ports.find(ports.front());
    environment_[variable + "_PORT"] = std::to_string(
        for_containers_ || published == service.place.ports.end() ? ports.front()
                                                                  : published->second);
    return std::nullopt;
}

Result<ContainerPlace> Services::look(const std::string& container) {
    SLUICE_TRY(spawn::Finished done,
               parts_.lender.run(engine_.command({"inspect", "--type", "container", container}),
                                 k_engine_patience, false));
    if (!done.exit.ok()) return error(Code::unavailable, "engine_refused", complaint(done));
    return container_place(done.output, name_);
}

/// docker keeps a log to itself, and hands it out.
Result<> Services::follow(Running& service) {
    SLUICE_TRY(files::Fd file,
               files::open(service.log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
    spawn::Command command = engine_.command({"logs", "--follow", service.container});
    command.out = command.err = file.get();
    // Else it would stay until the container of a killed runner is removed.
    command.dies_with_us = true;
    SLUICE_TRY(service.follower, spawn::start(command));
    return {};
}

/// It ends by itself after its container. Somebody else may have reaped it.
void Services::await_follower(const Running& service) {
    const auto deadline = Clock::now() + k_last_words;
    while (::waitpid(service.follower, nullptr, WNOHANG) == 0 && Clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

bool Services::is_ready(const Running& service) {
    const auto outside = [&](int port) {
        const auto found = service.place.ports.find(port);
        return found == service.place.ports.end() ? 0 : found->second;
    };
    if (service.spec.tcp > 0 &&
        !accepts(outside(service.spec.tcp), engine_.answers_for_containers()))
        return false;
    if (service.spec.http_port > 0 &&
        !answers(outside(service.spec.http_port), service.spec.http_path))
        return false;
    if (service.spec.check.empty()) return true;
    std::vector<std::string> words{"exec", service.container};
    words.insert(words.end(), service.spec.check.begin(), service.spec.check.end());
    auto done = parts_.lender.run(engine_.command(std::move(words)), k_check, false);
    return done && done->exit.ok();
}

std::optional<Refusal> Services::await_ready(Running& service) {
    const ServiceSpec& spec = service.spec;
    const auto begun = Clock::now();
    const auto waited = [&] { return std::chrono::duration_cast<Duration>(Clock::now() - begun); };
    while (!is_ready(service)) {
        if (stopped_()) return Refusal{error(Code::conflict, "stopped", "the job was stopped")};
        auto place = look(service.container);
        if (place && !place->running)
            return Refusal{error(Code::unavailable, "service_ended",
                                 fmt::format("service {} ended with exit code {} before it was "
                                             "ready",
                                             spec.name, place->exit_code.value_or(-1)))};
        if (waited() >= spec.timeout)
            return Refusal{error(Code::timeout, "service_not_ready",
                                 fmt::format("service {} was not ready within {}", spec.name,
                                             format_duration(spec.timeout)))};
        bool rested = false;
        boost::asio::steady_timer timer(parts_.lender.io(), k_pause);
        timer.async_wait([&](boost::system::error_code) { rested = true; });
        while (!rested) parts_.lender.io().run_one();
    }
    parts_.lender.note(fmt::format("service {} is ready after {} ms", spec.name, waited().count()));
    return std::nullopt;
}

void Services::listen() {
    listening_.expires_after(k_listen);
    listening_.async_wait([this](boost::system::error_code cancelled) {
        if (cancelled) return;
        for (Running& service : running_) say_more(service);
        listen();
    });
}

void Services::say_more(Running& service) {
    if (service.log_at >= k_said_most) return;
    Result<files::Fd> file = files::open(service.log, O_RDONLY | O_NOFOLLOW);
    if (!file) return;
    std::string raw(k_log_piece, '\0');
    const ssize_t got = ::pread(file->get(), raw.data(), raw.size(), service.log_at);
    if (got <= 0) return;
    const std::string_view piece(raw.data(), static_cast<std::size_t>(got));
    EngineLog log = read_engine_log(piece, service.follower != 0);
    // A line that is longer than what is read at once comes in pieces.
    if (log.taken == 0 && got == k_log_piece) log = {std::string(piece), piece.size()};
    if (log.text.empty() || said_(service.spec.name, log.text))
        service.log_at += static_cast<std::int64_t>(log.taken);
}

std::string Services::log_of(const Running& service) {
    Result<files::Fd> file = files::open(service.log, O_RDONLY | O_NOFOLLOW);
    struct stat status {};
    if (!file || ::fstat(file->get(), &status) != 0) return "";
    // Each line has its time before it.
    const std::int64_t from = std::max<std::int64_t>(0, status.st_size - 4 * k_said_most);
    std::string raw(static_cast<std::size_t>(status.st_size - from), '\0');
    const ssize_t got = ::pread(file->get(), raw.data(), raw.size(), from);
    raw.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
    const std::size_t line = from == 0 ? 0 : raw.find('\n') + 1;
    if (service.follower != 0) return raw.substr(line);
    return read_engine_log(std::string_view(raw).substr(line)).text;
}

std::vector<Services::Ended> Services::ended() {
    std::vector<Ended> out;
    listening_.cancel();
    for (const Running& service : running_) {
        Ended one;
        one.name = service.spec.name;
        if (auto place = look(service.container); place && !place->running) {
            one.exit_code = place->exit_code.value_or(-1);
            if (service.follower != 0) await_follower(service);
        }
        one.log = log_of(service);
        if (one.log.size() > k_log_kept) {
            const std::size_t line = one.log.find('\n', one.log.size() - k_log_kept);
            one.log.erase(0, line == std::string::npos ? one.log.size() - k_log_kept : line + 1);
        }
        out.push_back(std::move(one));
    }
    return out;
}

Result<> Services::clean_up() {
    if (!made_) return {};
    return remove_containers(engine_, name_);
}

}  // namespace sluice::agent
