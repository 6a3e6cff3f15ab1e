#include "server/http/message.hpp"

#include "pipelines/base/json.hpp"

namespace sluice::http {

int status_of(Code code) {
    switch (code) {
        case Code::invalid: return 400;
        case Code::unauthorized: return 401;
        case Code::forbidden: return 403;
        case Code::not_found: return 404;
        case Code::conflict: return 409;
        case Code::lease_lost: return 409;
        case Code::gone: return 410;
        case Code::too_large: return 413;
        case Code::unsupported: return 415;
        case Code::upgrade_required: return 426;
        case Code::unavailable: return 503;
        case Code::timeout: return 504;
        case Code::io: return 500;
        case Code::internal: return 500;
    }
    return 500;
}

Reply error_reply(const Error& error) {
    json::Object body{{"error", error.id}, {"message", error.message}};
    if (!error.where.empty()) body.emplace("where", error.where);
    Reply reply = json_reply(status_of(error.code), json::serialize(body));
    // The same code for two sides of a timeout: here the client was slow, not somebody behind us. A
    // body that breaks off is no mistake of who sent it: 400 would tell a runner that its outcome
    // is refused for good, when a network has cut it.
    if (error.id == k_body_too_slow || error.id == "body_incomplete") reply.status = 408;
    if (error.code == Code::unauthorized) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (error.code == Code::unavailable) reply.headers.emplace_back("Retry-After", "1");
    return reply;
}

}  // namespace sluice::http
