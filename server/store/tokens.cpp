#include "server/store/tokens.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;
using OI = std::optional<std::int64_t>;

}  // namespace

TokenId insert_token(Tx& tx, const Token& t, std::string_view hash) {
    auto row = tx.one<I>(
        "INSERT INTO tokens(name, hash, role, created_at) VALUES (:a, :b, :c, :d) RETURNING id",
        t.name, hash, t.role, t.created_at);
    return {std::get<0>(*row)};
}

std::optional<Token> find_token(Tx& tx, std::string_view hash) {
    auto row = tx.one<I, S, S, I, OI, OI>(
        "SELECT id, name, role, created_at, last_used_at, revoked_at FROM tokens WHERE hash = :a",
        hash);
    if (!row) return std::nullopt;
    auto& [id, name, role, created, used, revoked] = *row;
    return Token{{id}, name, role, {created}, used, revoked};
}

std::vector<Token> all_tokens(Tx& tx) {
    std::vector<Token> out;
    for (auto& [id, name, role, created, used] :
         tx.all<I, S, S, I, OI>("SELECT id, name, role, created_at, last_used_at FROM tokens WHERE "
                                "revoked_at IS NULL ORDER BY id"))
        out.push_back(Token{{id}, name, role, {created}, used, std::nullopt});
    return out;
}

bool revoke_token(Tx& tx, TokenId id, Timestamp at) {
    tx.exec("DELETE FROM sessions WHERE token_id = :a", id);
    return tx.exec("UPDATE tokens SET revoked_at = :a WHERE id = :b AND revoked_at IS NULL", at,
                   id) == 1;
}

void insert_session(Tx& tx, std::string_view hash, std::string_view csrf_hash, TokenId token,
                    Timestamp expires_at) {
    tx.exec("INSERT INTO sessions(hash, csrf_hash, token_id, expires_at) VALUES (:a, :b, :c, :d)",
            hash, csrf_hash, token, expires_at);
}

std::optional<Session> find_session(Tx& tx, std::string_view hash) {
    auto row = tx.one<I, S, S, I, OI, S, I>(
        "SELECT t.id, t.name, t.role, t.created_at, t.revoked_at, s.csrf_hash, s.expires_at FROM "
        "sessions s "
        "JOIN tokens t ON t.id = s.token_id WHERE s.hash = :a",
        hash);
    if (!row) return std::nullopt;
    auto& [id, name, role, created, revoked, csrf, expires] = *row;
    return Session{Token{{id}, name, role, {created}, std::nullopt, revoked}, csrf, {expires}};
}

void delete_session(Tx& tx, std::string_view hash) {
    tx.exec("DELETE FROM sessions WHERE hash = :a", hash);
}

}  // namespace sluice::store
