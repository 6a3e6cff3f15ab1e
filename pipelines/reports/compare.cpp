#include "pipelines/reports/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <tuple>

namespace sluice::reports {
namespace {

using model::Finding;

constexpr std::size_t k_alone = static_cast<std::size_t>(-1);

class Matcher {
public:
    Matcher(const std::vector<Finding>& base, const std::vector<Finding>& head,
            const std::optional<ChangedLines>& changes)
        : base_(base),
          head_(head),
          changes_(changes),
          taken_(base.size(), false),
          pair_of_(head.size(), k_alone) {
        if (changes)
            for (const auto& [path, change] : *changes)
                if (!change.old_path.empty() && change.old_path != path)
                    renamed_.emplace(change.old_path, path);
        for (const Finding& finding : base) places_.push_back(place_of(finding));
    }

    void run() {
        if (changes_)
            pass([&](const Finding& f,
                     std::size_t i) { return by_place(f, places_[i].path, places_[i].line); },
                 [&](const Finding& f) { return by_place(f, f.file, f.line); });
        pass([&](const Finding& f,
                 std::size_t i) { return by_text(f, f.fingerprint, places_[i].path); },
             [&](const Finding& f) { return by_text(f, f.fingerprint, f.file); });
        pass([&](const Finding& f,
                 std::size_t i) { return by_text(f, f.line_key, places_[i].path); },
             [&](const Finding& f) { return by_text(f, f.line_key, f.file); });
        if (changes_)
            pass([&](const Finding& f,
                     std::size_t i) { return by_hunk(f, places_[i].path, places_[i].hunk); },
                 [&](const Finding& f) { return by_hunk(f, f.file, new_hunk(f)); });
        pass([&](const Finding& f, std::size_t) { return by_text(f, f.fingerprint, ""); },
             [&](const Finding& f) { return by_text(f, f.fingerprint, ""); });
        if (!changes_)
            pass([&](const Finding& f, std::size_t) { return by_message(f); },
                 [&](const Finding& f) { return by_message(f); });
    }

    Comparison result() const {
        Comparison out;
        for (const std::size_t pair : pair_of_) out.added.push_back(pair == k_alone);
        for (std::size_t i = 0; i < taken_.size(); ++i)
            if (!taken_[i]) out.gone.push_back(i);
        return out;
    }

private:
    /// Where a base finding stands in the head.
    struct Place {
        std::string path;
        int line = 0;                     ///< 0: its line was removed or edited
        int nearest = 0;                  ///< for choosing among equal candidates
        std::optional<std::size_t> hunk;  ///< that removed or edited its line
    };

    Place place_of(const Finding& finding) const {
        Place out{finding.file, finding.line, finding.line, {}};
        if (const auto renamed = renamed_.find(finding.file); renamed != renamed_.end())
            out.path = renamed->second;
        if (!changes_) return out;
        const auto change = changes_->find(out.path);
        if (change == changes_->end() || finding.line == 0) return out;
        out.hunk = hunk_of_old(change->second, finding.line);
        out.line = map_line(change->second, finding.line).value_or(0);
        out.nearest = out.hunk ? change->second.hunks[*out.hunk].new_line : out.line;
        return out;
    }

    std::optional<std::size_t> new_hunk(const Finding& finding) const {
        const auto change = changes_->find(finding.file);
        if (change == changes_->end()) return std::nullopt;
        return hunk_of_new(change->second, finding.line);
    }

    // Keys; "" = this finding takes no part in the pass.
    static std::string common(const Finding& f) { return fmt::format("{}\n{}\n", f.tool, f.rule); }
    static std::string by_place(const Finding& f, const std::string& path, int line) {
        // What is said of a whole file has line 0; a removed line matches nothing. The text goes
        // along: where the diff is of another commit than the findings, it must not mislead.
        if (path.empty() || (line == 0 && f.line != 0)) return "";
        return fmt::format("{}{}\n{}\n{}", common(f), path, line,
                           f.line == 0 ? f.message : f.line_key);
    }
    static std::string by_text(const Finding& f, const std::string& key, const std::string& path) {
        return key.empty() ? "" : fmt::format("{}{}\n{}", common(f), path, key);
    }
    static std::string by_hunk(const Finding& f, const std::string& path,
                               const std::optional<std::size_t>& hunk) {
        return hunk ? fmt::format("{}{}\n{}\n{}", common(f), path, *hunk, f.message) : "";
    }
    static std::string by_message(const Finding& f) {
        return fmt::format("{}{}\n{}\n{}", common(f), f.file, f.line, f.message);
    }

    /// Pairs what has equal keys, nearest places first.
    template <class BaseKey, class HeadKey>
    void pass(BaseKey base_key, HeadKey head_key) {
        std::map<std::string, std::vector<std::size_t>> waiting;
        for (std::size_t i = 0; i < base_.size(); ++i)
            if (!taken_[i])
                if (std::string key = base_key(base_[i], i); !key.empty())
                    waiting[std::move(key)].push_back(i);
        if (waiting.empty()) return;
        std::map<const std::vector<std::size_t>*, std::vector<std::size_t>> wanting;
        for (std::size_t i = 0; i < head_.size(); ++i) {
            if (pair_of_[i] != k_alone) continue;
            const auto found = waiting.find(head_key(head_[i]));
            if (found != waiting.end()) wanting[&found->second].push_back(i);
        }
        for (auto& [candidates, wanted] : wanting) pair_up(*candidates, wanted);
    }

    void pair_up(const std::vector<std::size_t>& bases, const std::vector<std::size_t>& heads) {
        if (bases.size() == 1 && heads.size() == 1) return join(bases[0], heads[0]);
        if (bases.size() * heads.size() > 250'000) {  // a generated file: in order is good enough
            for (std::size_t i = 0; i < std::min(bases.size(), heads.size()); ++i)
                join(bases[i], heads[i]);
            return;
        }
        std::vector<std::tuple<int, std::size_t, std::size_t>> pairs;
        for (const std::size_t b : bases)
            for (const std::size_t h : heads)
                pairs.emplace_back(std::abs(places_[b].nearest - head_[h].line), b, h);
        std::sort(pairs.begin(), pairs.end());
        for (const auto& [distance, b, h] : pairs)
            if (!taken_[b] && pair_of_[h] == k_alone) join(b, h);
    }

    void join(std::size_t base, std::size_t head) {
        taken_[base] = true;
        pair_of_[head] = base;
    }

    const std::vector<Finding>& base_;
    const std::vector<Finding>& head_;
    const std::optional<ChangedLines>& changes_;
    std::map<std::string, std::string> renamed_;
    std::vector<Place> places_;
    std::vector<bool> taken_;
    std::vector<std::size_t> pair_of_;
};

}  // namespace

Comparison compare(const std::vector<Finding>& base, const std::vector<Finding>& head,
                   const std::optional<ChangedLines>& changes) {
    Matcher matcher(base, head, changes);
    matcher.run();
    return matcher.result();
}

std::vector<bool> on_changed_lines(const std::vector<Finding>& head, const ChangedLines& changes) {
    std::vector<bool> out;
    for (const Finding& finding : head) {
        const auto change = changes.find(finding.file);
        // A finding without a line is about its file: as new as the file.
        out.push_back(change != changes.end() &&
                      (finding.line > 0 ? hunk_of_new(change->second, finding.line).has_value()
                                        : change->second.old_path.empty()));
    }
    return out;
}

}  // namespace sluice::reports
