#include "agent/server_api.hpp"

namespace sluice::agent {

namespace {

constexpr Duration k_call_timeout{30'000};
/// Of what nobody waits for.
constexpr Duration k_side_timeout{5'000};
constexpr Duration k_poll_slack{
    15'000};  // a long poll's answer may be this late before we call it lost
constexpr Duration k_log_timeout{120'000};
constexpr Duration k_source_timeout{600'000};
constexpr std::size_t k_reply_max = 16 << 20;

Code code_of(int status) {
    switch (status) {
        case 401: return Code::unauthorized;
        case 403: return Code::forbidden;
        case 404: return Code::not_found;
        case 408: return Code::timeout;
        case 409: return Code::conflict;
        case 410: return Code::gone;
        case 413: return Code::too_large;
        case 415: return Code::unsupported;
        case 426: return Code::upgrade_required;
        case 429: return Code::unavailable;
        default: return status >= 500 ? Code::unavailable : Code::invalid;
    }
}

Error refusal(const http_client::Response& response) {
    Error result{code_of(response.status),
                 "http_" + std::to_string(response.status),
                 "the server answered " + std::to_string(response.status),
                 {}};
    Result<json::Value> body = json::parse(response.body);
    if (!body || !body->is_object()) return result;
    json::ObjectReader reader(*body, "");
    result.id = reader.string_or("error", result.id);
    result.message = reader.string_or("message", result.message);
    result.where = reader.string_or("where", "");
    if (result.id == "lease_lost") result.code = Code::lease_lost;
    return result;
}

Result<json::Value> body_of(const http_client::Response& response) {
    if (!response.ok()) return refusal(response);
    return json::parse(response.body, {.bytes = k_reply_max, .depth = 64});
}

http_client::Request make_request(std::string_view method, std::string url,
                                  std::string authorization, Duration timeout) {
    http_client::Request request;
    request.method = method;
    request.url = std::move(url);
    if (!authorization.empty()) request.headers.push_back("Authorization: " + authorization);
    request.timeout = timeout;
    request.response_max = k_reply_max;
    return request;
}

Result<http_client::Response> send_json(http_client::Client& client, http_client::Request request,
                                        const json::Value& body) {
    std::string text = json::serialize(body);
    request.headers.push_back("Content-Type: application/json");
    request.body = text;
    return client.send(request);
}

http_client::ClientOptions client_options(const ServerAddress& server) {
    http_client::ClientOptions options;
    options.ca_file = server.ca_file;
    options.user_agent = "sluice-agent";
    return options;
}

/// The `offset` of a LogReply that came with 409; nothing when the body is an error of another
/// kind.
std::optional<protocol::LogReply> conflict_offset(const http_client::Response& response) {
    Result<json::Value> body = json::parse(response.body);
    if (!body || !body->is_object() || !body->as_object().contains("offset")) return std::nullopt;
    json::ObjectReader reader(*body, "");
    protocol::LogReply reply;
    reply.offset = reader.integer("offset", 0, INT64_MAX);
    reply.cancel = reader.boolean_or("cancel", false);
    if (!reader.finish()) return std::nullopt;
    return reply;
}

}  // namespace

Error refusal_of(const http_client::Response& response) {
    return refusal(response);
}

bool is_transient(const Error& error) {
    return error.code == Code::unavailable || error.code == Code::timeout ||
           error.code == Code::io || error.code == Code::internal;
}

AgentApi::AgentApi(ServerAddress server, std::string token)
    : server_(std::move(server)), token_(std::move(token)), client_(client_options(server_)) {}

Result<protocol::RegisterReply> AgentApi::enrol(const protocol::RegisterRequest& body) {
    http_client::Request request =
        make_request("POST", server_.url + "/agent/v1/register", "", k_call_timeout);
    SLUICE_TRY(http_client::Response response,
               send_json(client_, std::move(request), to_json(body)));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_register_reply(value);
}

Result<protocol::HelloReply> AgentApi::hello(const protocol::HelloRequest& body) {
    http_client::Request request =
        make_request("POST", server_.url + "/agent/v1/hello", "Agent " + token_, k_call_timeout);
    SLUICE_TRY(http_client::Response response,
               send_json(client_, std::move(request), to_json(body)));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_hello_reply(value);
}

Result<protocol::AgentLogTaken> AgentApi::send_log(const protocol::AgentLogLines& lines) {
    http_client::Request request =
        make_request("POST", server_.url + "/agent/v1/log", "Agent " + token_, k_side_timeout);
    SLUICE_TRY(http_client::Response response,
               send_json(client_, std::move(request), to_json(lines)));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_agent_log_taken(value);
}

Result<protocol::ClaimReply> AgentApi::claim(const protocol::ClaimRequest& body) {
    http_client::Request request = make_request("POST", server_.url + "/agent/v1/claim",
                                                "Agent " + token_, body.wait + k_poll_slack);
    SLUICE_TRY(http_client::Response response,
               send_json(client_, std::move(request), to_json(body)));
    if (response.status == 204) return protocol::ClaimReply{};
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_claim_reply(value);
}

Result<> AgentApi::release(AttemptId attempt, const std::string& lease_token) {
    http_client::Request request = make_request(
        "POST", server_.url + "/agent/v1/attempts/" + std::to_string(attempt.value) + "/release",
        "Lease " + lease_token, k_call_timeout);
    SLUICE_TRY(http_client::Response response,
               send_json(client_, std::move(request), json::Object{}));
    if (!response.ok()) return refusal(response);
    return {};
}

AttemptApi::AttemptApi(ServerAddress server, AttemptId attempt, std::string lease_token)
    : server_(std::move(server)),
      attempt_(attempt),
      lease_token_(std::move(lease_token)),
      client_(client_options(server_)) {}

http_client::Request AttemptApi::request(std::string_view method, std::string_view call,
                                         Duration timeout) const {
    return make_request(method,
                        server_.url + "/agent/v1/attempts/" + std::to_string(attempt_.value) + "/" +
                            std::string(call),
                        "Lease " + lease_token_, timeout);
}

Result<http_client::Response> AttemptApi::post(std::string_view call, const json::Value& body,
                                               Duration timeout) {
    return send_json(client_, request("POST", call, timeout), body);
}

Result<> AttemptApi::start(const protocol::StartRequest& body) {
    SLUICE_TRY(http_client::Response response, post("start", to_json(body), k_call_timeout));
    if (!response.ok()) return refusal(response);
    return {};
}

Result<protocol::RenewReply> AttemptApi::renew(const protocol::RenewRequest& body) {
    SLUICE_TRY(http_client::Response response,
               post("renew", to_json(body), body.wait + k_poll_slack));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_renew_reply(value);
}

Result<LogAnswer> AttemptApi::append_log(std::int64_t offset, std::int64_t size,
                                         http_client::BodyReader body) {
    http_client::Request patch = request("PATCH", "log", k_log_timeout);
    patch.headers.push_back(std::string(protocol::k_upload_offset) + ": " + std::to_string(offset));
    patch.headers.push_back("Content-Type: application/octet-stream");
    patch.body_reader = std::move(body);
    patch.body_size = size;
    SLUICE_TRY(http_client::Response response, client_.send(patch));
    if (response.status == 409)
        if (auto reply = conflict_offset(response)) return LogAnswer{false, *reply};
    SLUICE_TRY(json::Value value, body_of(response));
    SLUICE_TRY(protocol::LogReply reply, protocol::parse_log_reply(value));
    return LogAnswer{true, reply};
}

Result<> AttemptApi::progress(const protocol::ProgressRequest& body) {
    SLUICE_TRY(http_client::Response response, post("progress", to_json(body), k_call_timeout));
    if (!response.ok()) return refusal(response);
    return {};
}

Result<FinishAnswer> AttemptApi::finish(const protocol::FinishRequest& body) {
    SLUICE_TRY(http_client::Response response, post("finish", to_json(body), k_log_timeout));
    if (response.status == 409)
        if (auto reply = conflict_offset(response)) return FinishAnswer{false, reply->offset, {}};
    SLUICE_TRY(json::Value value, body_of(response));
    SLUICE_TRY(protocol::FinishReply reply, protocol::parse_finish_reply(value));
    return FinishAnswer{true, 0, reply};
}

Result<> AttemptApi::release() {
    SLUICE_TRY(http_client::Response response, post("release", json::Object{}, k_call_timeout));
    if (!response.ok()) return refusal(response);
    return {};
}

Result<protocol::SecretsReply> AttemptApi::secrets(const protocol::SecretsRequest& body) {
    SLUICE_TRY(http_client::Response response, post("secrets", to_json(body), k_call_timeout));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_secrets_reply(value);
}

Result<protocol::KeptReply> AttemptApi::kept(const protocol::KeptRequest& body) {
    SLUICE_TRY(http_client::Response response,
               post("kept", to_json(body), body.wait + k_poll_slack));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_kept_reply(value);
}

Result<protocol::ShellTaken> AttemptApi::shell_output(std::int64_t shell,
                                                      const protocol::ShellOutput& body) {
    SLUICE_TRY(http_client::Response response,
               post("shells/" + std::to_string(shell) + "/output", to_json(body), k_call_timeout));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_shell_taken(value);
}

Result<protocol::ShellInput> AttemptApi::shell_input(std::int64_t shell,
                                                     const protocol::InputRequest& body) {
    SLUICE_TRY(http_client::Response response, post("shells/" + std::to_string(shell) + "/input",
                                                    to_json(body), body.wait + k_poll_slack));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_shell_input(value);
}

Result<std::string> AttemptApi::source(const protocol::SourceRequest& body,
                                       const http_client::BodySink& sink) {
    http_client::Request wanted = request("POST", "source", k_source_timeout);
    wanted.sink = sink;
    SLUICE_TRY(http_client::Response response,
               send_json(client_, std::move(wanted), to_json(body)));
    if (!response.ok()) return refusal(response);
    if (response.status == 204) return error(Code::invalid, "source", "the server sent no source");
    const auto base = response.headers.find("x-base");
    return base == response.headers.end() ? std::string() : base->second;
}

Result<protocol::SubmodulesReply> AttemptApi::submodules() {
    SLUICE_TRY(http_client::Response response,
               post("submodules", json::Object{}, k_source_timeout));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_submodules_reply(value);
}

Result<protocol::LfsReply> AttemptApi::lfs(const protocol::LfsRequest& body) {
    SLUICE_TRY(http_client::Response response,
               post("lfs", to_json(body), k_source_timeout + body.wait));
    SLUICE_TRY(json::Value value, body_of(response));
    return protocol::parse_lfs_reply(value);
}

Result<> AttemptApi::put_report(const model::ReportFile& file, http_client::BodyReader body) {
    http_client::Request put = request("PUT", "reports/" + file.name, k_log_timeout);
    put.headers.push_back(std::string(protocol::k_report_digest) + ": " + file.sha256);
    put.headers.push_back("Content-Type: application/zstd");
    put.body_reader = std::move(body);
    put.body_size = file.size;
    SLUICE_TRY(http_client::Response response, client_.send(put));
    if (!response.ok()) return refusal(response);
    return {};
}

Result<protocol::BaselineReply> AttemptApi::baseline() {
    SLUICE_TRY(http_client::Response response,
               client_.send(request("GET", "baseline", k_source_timeout)));
    if (!response.ok()) return refusal(response);
    SLUICE_TRY(const json::Value value,
               json::parse(response.body, {.bytes = protocol::k_baseline_max, .depth = 16}));
    return protocol::parse_baseline(value);
}

Result<std::string> AttemptApi::baseline_report(std::string_view name) {
    http_client::Request get = request("GET", "baseline/" + std::string(name), k_source_timeout);
    get.response_max = protocol::k_report_max;
    SLUICE_TRY(http_client::Response response, client_.send(get));
    if (!response.ok()) return refusal(response);
    return std::move(response.body);
}

}  // namespace sluice::agent
