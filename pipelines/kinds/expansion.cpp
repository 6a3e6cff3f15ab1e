#include "pipelines/kinds/expansion.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds {

bool Tree::has(std::string_view path) const {
    return std::binary_search(files.begin(), files.end(), path,
                              [](std::string_view a, std::string_view b) { return a < b; });
}

bool Tree::has_named(std::string_view name) const {
    return std::any_of(files.begin(), files.end(), [&](const std::string& file) {
        return file == name || (file.size() > name.size() && file.ends_with(name) &&
                                file[file.size() - name.size() - 1] == '/');
    });
}

std::vector<std::string> Tree::matching(const std::vector<std::string>& globs) const {
    const text::Globs wanted(globs);
    std::vector<std::string> out;
    for (const std::string& file : files)
        if (wanted.match(file)) out.push_back(file);
    return out;
}

std::string shell_word(std::string_view text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_./=,:+@%").find(c) != std::string_view::npos;
    });
    if (plain) return std::string(text);
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string over_files(const std::vector<std::string>& files, std::string_view cmd, int batch) {
    std::string list;
    for (const std::string& file : files) {
        if (file.find('\n') != std::string::npos) continue;
        // A name that begins with a dash must not be an option.
        list += (file.starts_with('-') ? "./" : "") + file + "\n";
    }
    // busybox has no `xargs -d`; the mark can't be a file's name because of its slash at the end.
    return fmt::format("tr '\\n' '\\0' <<'//end/of/files//' | xargs -0 {}{}\n{}//end/of/files//",
                       batch > 0 ? fmt::format("-n {} ", batch) : "", cmd, list);
}

}  // namespace sluice::kinds
