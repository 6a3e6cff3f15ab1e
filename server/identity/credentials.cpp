#include "server/identity/credentials.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <algorithm>

namespace sluice::identity {

namespace {

bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) {
               return std::tolower(x) == std::tolower(y);
           });
}

}  // namespace

Result<std::string> authorization_token(std::string_view header, std::string_view scheme) {
    const std::string wanted = "send `Authorization: " + std::string(scheme) + " <token>`";
    if (header.empty())
        return error(Code::unauthorized, "credentials_missing", "no credentials: " + wanted,
                     "authorization");
    const auto space = header.find(' ');
    if (space == std::string_view::npos || !same_word(header.substr(0, space), scheme))
        return error(Code::unauthorized, "wrong_scheme",
                     "wrong kind of credentials here: " + wanted, "authorization");
    const auto token = text::trim(header.substr(space + 1));
    const bool clean = std::all_of(token.begin(), token.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_' || c == '.';
    });
    if (token.empty() || token.size() > 512 || !clean)
        return error(Code::unauthorized, "bad_token", "the token is malformed", "authorization");
    return std::string(token);
}

std::optional<std::string> cookie(std::string_view header, std::string_view name) {
    for (const auto& part : text::split(header, ';')) {
        const auto trimmed = text::trim(part);
        const auto equals = trimmed.find('=');
        if (equals != std::string_view::npos && trimmed.substr(0, equals) == name)
            return std::string(trimmed.substr(equals + 1));
    }
    return std::nullopt;
}

std::string token_hash(std::string_view token) {
    return crypto::sha256_hex(token);
}

}  // namespace sluice::identity
