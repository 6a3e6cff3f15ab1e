#pragma once
/// Collects all diagnostics of a set of files, with the sources they point into. One thread at a
/// time.

#include "pipelines/config/diagnostic.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::config {

class Diagnostics {
public:
    /// Registers a file and returns its index. `text` outlives this object and has no byte order
    /// mark.
    int add_file(std::string path, std::string_view text);
    const std::string& path(int file) const { return files_[static_cast<std::size_t>(file)].path; }

    void error(const Place& place, std::string_view id, std::string message, std::string hint = {});
    void warning(const Place& place, std::string_view id, std::string message,
                 std::string hint = {});

    /// While it lives, what is added is about that key, or about that map as a whole.
    class About {
    public:
        About(Diagnostics& diagnostics, const Key* key, Scopes map)
            : diagnostics_(diagnostics), before_(diagnostics.about_) {
            diagnostics.about_ = {key, map};
        }
        ~About() { diagnostics_.about_ = before_; }
        About(const About&) = delete;
        About& operator=(const About&) = delete;

    private:
        Diagnostics& diagnostics_;
        std::pair<const Key*, Scopes> before_;
    };

    /// The place of byte `offset` of a file.
    Place locate(int file, std::size_t offset) const;
    /// The place of byte `offset` of a scalar's value: looks through quotes, escapes and folding of
    /// the source.
    Place within(const Node& scalar, std::size_t offset) const;
    /// Line `line` (1-based) without its line end; "" when there is none.
    std::string_view line_text(int file, int line) const;
    std::string_view source(int file) const { return files_[static_cast<std::size_t>(file)].text; }

    bool has_errors() const { return errors_ > 0; }
    /// In file order, each once, at most `max` (then one more says how many were left out).
    std::vector<Diagnostic> take(std::size_t max = 100);

private:
    struct Source {
        std::string path;
        std::string_view text;
        std::vector<std::size_t> line_starts;
        mutable Place last;  ///< where locate() was asked last
    };
    struct Entry {
        int file;
        Diagnostic diagnostic;
    };
    void add(Severity severity, const Place& place, std::string_view id, std::string message,
             std::string hint);
    std::string topic(std::string_view id) const;

    std::pair<const Key*, Scopes> about_{nullptr, scope_none};
    std::vector<Source> files_;
    std::vector<Entry> entries_;
    std::size_t errors_ = 0;
    std::size_t left_out_ = 0;
};

}  // namespace sluice::config
