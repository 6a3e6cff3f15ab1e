/// Globs as a small non-deterministic automaton: the work is at most pattern × path, whatever the
/// pattern (backtracking over `**/**/**/x` would be exponential; study Y26).
#include "pipelines/base/text.hpp"

#include <algorithm>

namespace sluice::text {
namespace {

using Text = std::u32string;

/// A byte that is no UTF-8 (paths of a repository may hold any) becomes a code point of its own in
/// the range of lone surrogates: it never swallows what follows.
Text decode(std::string_view bytes) {
    Text out;
    out.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size();) {
        const auto lead = static_cast<unsigned char>(bytes[i]);
        const std::size_t length = lead < 0x80   ? 1
                                   : lead < 0xC0 ? 0
                                   : lead < 0xE0 ? 2
                                   : lead < 0xF0 ? 3
                                   : lead < 0xF8 ? 4
                                                 : 0;
        bool valid = length > 0 && i + length <= bytes.size();
        char32_t point = length == 1 ? lead : lead & (0x7F >> length);
        for (std::size_t k = 1; valid && k < length; ++k) {
            const auto next = static_cast<unsigned char>(bytes[i + k]);
            valid = (next & 0xC0) == 0x80;
            point = point << 6 | (next & 0x3F);
        }
        out += valid ? point : char32_t{0xDC00} + lead;
        i += valid ? length : 1;
    }
    return out;
}

struct Instruction {
    enum Op { literal, any, set, split, jump, match } op = match;
    char32_t character = 0;                             // literal
    std::vector<std::pair<char32_t, char32_t>> ranges;  // set
    bool negated = false;                               // set
    bool crosses = false;                               // any: may be a slash
    std::size_t a = 0, b = 0;                           // split, jump: targets
};

class Compiler {
public:
    explicit Compiler(const Text& pattern) : pattern_(pattern) {}

    std::vector<Instruction> compile() {
        sequence(0, pattern_.size(), 0);
        emit({Instruction::match});
        return std::move(program_);
    }

private:
    std::size_t emit(Instruction instruction) {
        program_.push_back(std::move(instruction));
        return program_.size() - 1;
    }

    /// `any*` as split → any → jump back.
    void star(bool crosses) {
        const std::size_t loop = emit({Instruction::split});
        Instruction any{Instruction::any};
        any.crosses = crosses;
        emit(std::move(any));
        Instruction back{Instruction::jump};
        back.a = loop;
        emit(std::move(back));
        program_[loop].a = loop + 1;
        program_[loop].b = program_.size();
    }

    void sequence(std::size_t at, std::size_t end, int depth) {
        while (at < end) {
            const char32_t c = pattern_[at];
            if (c == U'*') {
                at = stars(at, end);
            } else if (c == U'?') {
                emit({Instruction::any});
                ++at;
            } else if (c == U'[') {
                at = set(at, end);
            } else if (c == U'{' && depth < 8) {
                at = alternatives(at, end, depth);
            } else {
                if (c == U'\\' && at + 1 < end) ++at;
                literal(pattern_[at++]);
            }
        }
    }

    void literal(char32_t c) {
        Instruction instruction{Instruction::literal};
        instruction.character = c;
        emit(std::move(instruction));
    }

    std::size_t stars(std::size_t at, std::size_t end) {
        std::size_t next = at;
        while (next < end && pattern_[next] == U'*') ++next;
        const bool crosses = next - at >= 2;
        const bool part_begins = at == 0 || pattern_[at - 1] == U'/';
        if (crosses && part_begins && next < end && pattern_[next] == U'/') {
            // `**/x` also matches `x`: the whole `**/` is optional.
            const std::size_t choice = emit({Instruction::split});
            star(true);
            literal(U'/');
            program_[choice].a = choice + 1;
            program_[choice].b = program_.size();
            return next + 1;
        }
        star(crosses);
        return next;
    }

    std::size_t set(std::size_t at, std::size_t end) {
        std::size_t i = at + 1;
        Instruction instruction{Instruction::set};
        if (i < end && (pattern_[i] == U'!' || pattern_[i] == U'^')) {
            instruction.negated = true;
            ++i;
        }
        const std::size_t first = i;
        for (; i < end && (pattern_[i] != U']' || i == first); ++i) {
            char32_t low = pattern_[i], high = low;
            if (i + 2 < end && pattern_[i + 1] == U'-' && pattern_[i + 2] != U']') {
                high = pattern_[i + 2];
                i += 2;
            }
            instruction.ranges.emplace_back(low, high);
        }
        if (i >= end) {  // no closing bracket: it means itself
            literal(U'[');
            return at + 1;
        }
        emit(std::move(instruction));
        return i + 1;
    }

    std::size_t alternatives(std::size_t at, std::size_t end, int depth) {
        std::vector<std::pair<std::size_t, std::size_t>> parts;
        std::size_t begin = at + 1, close = end;
        int nested = 0;
        for (std::size_t i = at + 1; i < end; ++i) {
            if (pattern_[i] == U'\\') {
                ++i;
            } else if (pattern_[i] == U'{') {
                ++nested;
            } else if (pattern_[i] == U'}' && nested-- == 0) {
                parts.emplace_back(begin, i);
                close = i;
                break;
            } else if (pattern_[i] == U',' && nested == 0) {
                parts.emplace_back(begin, i);
                begin = i + 1;
            }
        }
        if (close == end) {  // no closing brace: it means itself
            literal(U'{');
            return at + 1;
        }
        std::vector<std::size_t> exits;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const bool last = i + 1 == parts.size();
            const std::size_t choice = last ? 0 : emit({Instruction::split});
            if (!last) program_[choice].a = choice + 1;
            sequence(parts[i].first, parts[i].second, depth + 1);
            if (!last) exits.push_back(emit({Instruction::jump}));
            if (!last) program_[choice].b = program_.size();
        }
        for (const std::size_t exit : exits) program_[exit].a = program_.size();
        return close + 1;
    }

    const Text& pattern_;
    std::vector<Instruction> program_;
};

bool accepts(const Instruction& instruction, char32_t c) {
    if (instruction.op == Instruction::literal) return instruction.character == c;
    if (instruction.op == Instruction::any) return instruction.crosses || c != U'/';
    if (c == U'/') return false;  // a set stays within a path part
    const bool inside = std::any_of(instruction.ranges.begin(), instruction.ranges.end(),
                                    [&](const auto& r) { return r.first <= c && c <= r.second; });
    return inside != instruction.negated;
}

/// The set of instructions the automaton may stand at.
class States {
public:
    explicit States(const std::vector<Instruction>& program)
        : program_(&program), member_(program.size(), 0) {}

    void clear() {
        list_.clear();
        ++generation_;
    }

    void add(std::size_t start) {
        stack_.push_back(start);
        while (!stack_.empty()) {
            const std::size_t at = stack_.back();
            stack_.pop_back();
            if (member_[at] == generation_) continue;
            member_[at] = generation_;
            const Instruction& instruction = (*program_)[at];
            if (instruction.op == Instruction::jump) {
                stack_.push_back(instruction.a);
            } else if (instruction.op == Instruction::split) {
                stack_.push_back(instruction.b);
                stack_.push_back(instruction.a);
            } else {
                list_.push_back(at);
            }
        }
    }

    const std::vector<std::size_t>& list() const { return list_; }

private:
    const std::vector<Instruction>* program_;
    std::vector<std::size_t> member_;
    std::size_t generation_ = 1;
    std::vector<std::size_t> list_, stack_;
};

bool accepts_all(const std::vector<Instruction>& program, std::string_view path) {
    States first(program), second(program);
    States *now = &first, *next = &second;
    now->add(0);
    for (const char32_t c : decode(path)) {
        next->clear();
        for (const std::size_t at : now->list())
            if (program[at].op != Instruction::match && accepts(program[at], c)) next->add(at + 1);
        if (next->list().empty()) return false;
        std::swap(now, next);
    }
    return std::any_of(now->list().begin(), now->list().end(),
                       [&](std::size_t at) { return program[at].op == Instruction::match; });
}

}  // namespace

struct Globs::Program {
    bool removes = false;
    std::string prefix;                     ///< literal text that every match starts with
    std::vector<Instruction> instructions;  ///< empty: the prefix is the whole pattern

    explicit Program(std::string_view pattern) : removes(pattern.starts_with('!')) {
        if (removes) pattern.remove_prefix(1);
        const std::size_t special = pattern.find_first_of("*?[{\\");
        prefix = std::string(pattern.substr(0, special));
        if (special == std::string_view::npos) return;
        const Text wide = decode(pattern);
        instructions = Compiler(wide).compile();
    }

    bool match(std::string_view path) const {
        if (instructions.empty()) return path == prefix;
        return path.starts_with(prefix) && accepts_all(instructions, path);
    }
};

Globs::Globs(std::span<const std::string> patterns) {
    programs_.reserve(patterns.size());
    for (const std::string& pattern : patterns) programs_.emplace_back(pattern);
}

Globs::~Globs() = default;

bool Globs::match(std::string_view path) const {
    for (std::size_t i = programs_.size(); i-- > 0;)
        if (programs_[i].match(path)) return !programs_[i].removes;
    return false;
}

bool glob_match(std::string_view pattern, std::string_view path) {
    // A leading `!` is an ordinary character here.
    if (pattern.find_first_of("*?[{\\") == std::string_view::npos) return pattern == path;
    const Text wide = decode(pattern);
    return accepts_all(Compiler(wide).compile(), path);
}

bool globs_match(std::span<const std::string> patterns, std::string_view path) {
    return Globs(patterns).match(path);
}

}  // namespace sluice::text
