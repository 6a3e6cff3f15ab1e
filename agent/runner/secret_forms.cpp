/// How a secret may look when a program has written it in another notation.
#include "agent/runner/redactor.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::agent {

namespace {

/// Shorter ones stand in ordinary text by chance.
constexpr std::size_t k_least_line = 8;
constexpr std::size_t k_least = 6;

std::string percent_encoded(std::string_view text, bool upper, bool plus) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            out += c;
        else if (plus && c == ' ')
            out += '+';
        else
            out += upper ? fmt::format("%{:02X}", byte) : fmt::format("%{:02x}", byte);
    }
    return out;
}

/// Within quotes; `ascii`: as Python's json and others write what is not ASCII.
std::string json_escaped(std::string_view text, bool slashes, bool ascii) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        switch (c) {
            case '"': out += "\\\""; continue;
            case '\\': out += "\\\\"; continue;
            case '\n': out += "\\n"; continue;
            case '\r': out += "\\r"; continue;
            case '\t': out += "\\t"; continue;
            case '\b': out += "\\b"; continue;
            case '\f': out += "\\f"; continue;
            case '/': out += slashes ? "\\/" : "/"; continue;
            default: break;
        }
        if (byte < 0x20) {
            out += fmt::format("\\u{:04x}", byte);
        } else if (byte < 0x80 || !ascii) {
            out += c;
        } else {
            std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            std::uint32_t point = byte & (0xffu >> (length + 1));
            for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
                point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
            i += length - 1;
            if (point < 0x10000) {
                out += fmt::format("\\u{:04x}", point);
            } else {
                point -= 0x10000;
                out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (point >> 10),
                                   0xdc00 + (point & 0x3ff));
            }
        }
    }
    return out;
}

std::string shell_quoted(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out;
}

/// The characters of base64 that depend on the secret alone when `offset` bytes of other text stand
/// before it and any text behind it.
std::string base64_core(std::string_view secret, std::size_t offset) {
    const std::string encoded = text::to_base64(std::string(offset, '\0') + std::string(secret));
    const std::size_t bits_before = offset * 8, bits_end = (offset + secret.size()) * 8;
    const std::size_t begin = (bits_before + 5) / 6, end = bits_end / 6;
    return encoded.substr(begin, end - begin);
}

std::string url_alphabet(std::string text) {
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    return text;
}

class Forms {
public:
    void add(std::string form, std::size_t least = k_least) {
        if (form.size() >= least) forms_.insert(std::move(form));
    }
    void add_notations(std::string_view text) {
        add(std::string(text));
        add(shell_quoted(text));
        for (const bool slashes : {false, true})
            for (const bool ascii : {false, true}) {
                const std::string escaped = json_escaped(text, slashes, ascii);
                add(escaped);
                add(json_escaped(escaped, slashes, ascii));  // JSON within JSON
            }
        for (const bool upper : {true, false})
            for (const bool plus : {true, false}) add(percent_encoded(text, upper, plus));
        const std::string hex =
            text::to_hex({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
        std::string upper = hex;
        for (char& c : upper)
            if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
        add(hex);
        add(upper);
    }
    void add_base64(std::string_view text) {
        for (std::size_t offset = 0; offset < 3; ++offset) {
            const std::string core = base64_core(text, offset);
            add(core);
            add(url_alphabet(core));
            // As `base64` and PEM break lines, where the secret begins the text.
            if (offset == 0)
                for (const std::size_t width : {std::size_t{76}, std::size_t{64}})
                    for (std::size_t at = 0; core.size() > width && at < core.size(); at += width)
                        add(core.substr(at, width), k_least_line);
        }
    }
    std::vector<std::string> take() { return {forms_.begin(), forms_.end()}; }

private:
    std::set<std::string> forms_;
};

}  // namespace

std::vector<std::string> forms_of(std::string_view secret) {
    Forms forms;
    const std::string_view trimmed = text::trim(secret);
    for (const std::string_view text : {secret, trimmed}) {
        forms.add_notations(text);
        forms.add_base64(text);
    }
    for (const std::string& line : text::split(secret, '\n')) {
        const std::string_view text = text::trim(line);
        if (text.size() < k_least_line || text == trimmed) continue;
        forms.add_notations(text);
        forms.add_base64(text);
    }
    return forms.take();
}

}  // namespace sluice::agent
