#include "pipelines/import/out.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer {

namespace {

bool is_plain(const std::string& text, bool flow) {
    if (text.empty() || text == "null" || text == "~" || text == "Null" || text == "NULL")
        return false;
    const auto safe = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_./$@+=%").find(c) != std::string_view::npos ||
               static_cast<unsigned char>(c) >= 0x80;
    };
    const bool first = safe(text[0]) && text[0] != '%' && text[0] != '@' && text[0] != '=';
    if (!first && !(text[0] == '-' && text.size() > 1 && safe(text[1])) &&
        !(text[0] == '(' && !flow))
        return false;
    if (text.back() == ' ' || text.back() == ':') return false;
    if (text.find(": ") != std::string::npos || text.find(" #") != std::string::npos) return false;
    const std::string_view more = flow ? "-" : "-:(),'\"<>|&*!?[]{}~^;\\ ";
    return std::all_of(text.begin(), text.end(),
                       [&](char c) { return safe(c) || more.find(c) != std::string_view::npos; });
}

std::string double_quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\t': out += "\\t"; break;
            case '\r': out += "\\r"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
                    out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
                else
                    out += c;
        }
    }
    return out + '"';
}

bool fits_in_block(const std::string& text) {
    // A first line that begins with a blank would need an indentation indicator.
    if (text.find('\n') == std::string::npos || text[0] == ' ' || text[0] == '\n' ||
        text[0] == '\t')
        return false;
    return std::none_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    });
}

std::string block(const std::string& text, std::size_t indent) {
    std::size_t newlines = 0;
    while (newlines < text.size() && text[text.size() - 1 - newlines] == '\n') ++newlines;
    std::string out = newlines == 0 ? "|-\n" : newlines == 1 ? "|\n" : "|+\n";
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        if (end > begin) out += std::string(indent, ' ') + text.substr(begin, end - begin);
        out += '\n';
        begin = end + 1;
    }
    return out;
}

}  // namespace

std::string quoted_if_needed(const std::string& text, bool flow) {
    return is_plain(text, flow) ? text : double_quoted(text);
}

Out Out::scalar(std::string text) {
    Out out(Kind::scalar);
    out.text_ = std::move(text);
    return out;
}
Out Out::list(const std::vector<std::string>& texts) {
    Out out(Kind::list);
    for (const std::string& text : texts) out.items_.push_back(scalar(text));
    return out;
}
Out Out::list() {
    return Out(Kind::list);
}
Out Out::map() {
    return Out(Kind::map);
}

Out& Out::set(std::string key, Out value) {
    value.comments_ = std::move(pending_);
    pending_.clear();
    for (auto& [name, old] : members_)
        if (name == key) return old = std::move(value);
    return members_.emplace_back(std::move(key), std::move(value)).second;
}

Out& Out::add(Out item) {
    item.comments_ = std::move(pending_);
    pending_.clear();
    return items_.emplace_back(std::move(item));
}

Out* Out::find(std::string_view key) {
    for (auto& [name, value] : members_)
        if (name == key) return &value;
    return nullptr;
}

Out& Out::child_map(const std::string& key) {
    Out* found = find(key);
    return found != nullptr ? *found : set(key, map());
}

Out& Out::child_list(const std::string& key) {
    Out* found = find(key);
    return found != nullptr ? *found : set(key, list());
}

void Out::comment(std::string line) {
    std::replace(line.begin(), line.end(), '\n', ' ');
    pending_.push_back(std::move(line));
}

bool Out::fits_in_flow() const {
    if (kind_ != Kind::list || items_.empty() || !pending_.empty()) return false;
    std::size_t width = 0;
    for (const Out& item : items_) {
        if (item.kind_ != Kind::scalar || !item.comments_.empty() ||
            item.text_.find_first_of("\n{}") != std::string::npos)
            return false;
        width += item.text_.size() + 4;
    }
    return width < 80;
}

void Out::write_value(std::string& out, std::size_t indent) const {
    if (kind_ == Kind::scalar) {
        out += ' ';
        out += fits_in_block(text_) ? block(text_, indent) : quoted_if_needed(text_, false) + "\n";
        return;
    }
    if (fits_in_flow()) {
        out += " [";
        for (std::size_t i = 0; i < items_.size(); ++i)
            out += (i ? ", " : "") + quoted_if_needed(items_[i].text_, true);
        out += "]\n";
        return;
    }
    if (empty()) {
        out += kind_ == Kind::list ? " []\n" : " {}\n";
        return;
    }
    out += '\n';
    write(out, indent);
}

void Out::write(std::string& out, std::size_t indent) const {
    const std::string margin(indent, ' ');
    for (const auto& [key, value] : members_) {
        for (const std::string& line : value.comments_) out += margin + "# " + line + "\n";
        out += margin + quoted_if_needed(key, true) + ":";
        value.write_value(out, indent + 2);
    }
    for (const Out& item : items_) {
        for (const std::string& line : item.comments_) out += margin + "# " + line + "\n";
        if (item.kind_ == Kind::map && !item.members_.empty()) {
            // The first key stands behind the dash.
            std::string text;
            item.write(text, indent + 2);
            std::size_t at = 0;
            while (text.compare(at + indent + 2, 2, "# ") == 0) at = text.find('\n', at) + 1;
            out += text.substr(0, at) + margin + "- " + text.substr(at + indent + 2);
            continue;
        }
        out += margin + "-";
        item.write_value(out, indent + 2);
    }
    for (const std::string& line : pending_) out += margin + "# " + line + "\n";
}

std::string Out::yaml() const {
    std::string out;
    write(out, 0);
    return out;
}

}  // namespace sluice::importer
