#pragma once
/// API tokens and browser sessions, stored as SHA-256 only.
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Token {
    TokenId id;
    std::string name, role;
    Timestamp created_at;
    std::optional<std::int64_t> last_used_at, revoked_at;
};
TokenId insert_token(Tx& tx, const Token& token, std::string_view hash);
std::optional<Token> find_token(Tx& tx, std::string_view hash);
std::vector<Token> all_tokens(Tx& tx);
bool revoke_token(Tx& tx, TokenId id, Timestamp at);
void insert_session(Tx& tx, std::string_view hash, std::string_view csrf_hash, TokenId token,
                    Timestamp expires_at);
struct Session {
    Token token;
    std::string csrf_hash;
    Timestamp expires_at;
};
std::optional<Session> find_session(Tx& tx, std::string_view hash);
void delete_session(Tx& tx, std::string_view hash);

}  // namespace sluice::store
