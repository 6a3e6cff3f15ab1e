#pragma once
/// Deliveries as forges send them, with single members changed.

#include "hooks/event.hpp"
#include "hooks/git/hook/sha256.h"
#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <string>

namespace sluice::hooks::test {

inline const std::string k_old = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
inline const std::string k_new = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5";
inline const std::string k_zero(40, '0');
inline const std::string k_secret = "It's a Secret to Everybody";

inline std::string read_payload(const std::string& name) {
    std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/tests/unit/hooks/testdata/" + name);
    REQUIRE(file.good());
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string hex_hmac(std::string_view key, std::string_view body) {
    const std::string mac = crypto::hmac_sha256(key, body);
    return text::to_hex({reinterpret_cast<const unsigned char*>(mac.data()), mac.size()});
}

/// A recorded delivery; `set` and `remove` change it by JSON pointer.
class Delivery {
public:
    Delivery(std::string header, std::string event, const std::string& payload)
        : json_(boost::json::parse(read_payload(payload))) {
        raw_.headers[std::move(header)] = std::move(event);
    }
    template <class T>
    Delivery& set(const std::string& pointer, const T& value) {
        place(pointer) = json::Value(value);
        return *this;
    }
    Delivery& set(const std::string& pointer, const std::string& value) {
        place(pointer) = std::string_view(value);
        return *this;
    }
    Delivery& remove(const std::string& pointer) {
        const std::size_t slash = pointer.rfind('/');
        place(pointer.substr(0, slash)).as_object().erase(pointer.substr(slash + 1));
        return *this;
    }
    RawDelivery raw() const {
        RawDelivery out = raw_;
        out.body = json::serialize(json_);
        return out;
    }
    Decoded decoded(std::string_view forge) const { return forge_by_name(forge)->decode(raw()); }

private:
    /// The member, made when there is none.
    json::Value& place(const std::string& pointer) {
        json::Value* at = &json_;
        for (const std::string& key :
             text::split(std::string_view(pointer).substr(pointer.empty() ? 0 : 1), '/')) {
            if (key.empty()) break;
            if (at->is_array()) {
                at = &at->as_array().at(std::stoul(key));
                continue;
            }
            if (!at->is_object()) at->emplace_object();
            at = &at->as_object()[key];
        }
        return *at;
    }

    RawDelivery raw_;
    json::Value json_;
};

}  // namespace sluice::hooks::test
