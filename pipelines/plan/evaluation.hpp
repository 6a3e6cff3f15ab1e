#pragma once
/// Scalars of one cell of one job → text with its expressions evaluated and its type checked. Pure,
/// one thread at a time.

#include "pipelines/config/merge.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/contexts.hpp"
#include "pipelines/plan/fold_text.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace sluice::plan {

class Evaluation {
public:
    /// A job that stands in `call`; `job` is the id of the cell, for messages. The other arguments
    /// outlive this object.
    Evaluation(const Input& input, const Calls& calls, int call, std::string job,
               config::Diagnostics& diagnostics);

    /// Sets or replaces a context of the job (`matrix`, `env`, `job` …). Nodes of other calls read
    /// what enter() gave to these.
    void set(std::string name, expr::Value value);
    /// The same for nodes of another call; 0 = those of the project's files.
    void set_in(int call, std::string name, expr::Value value);
    /// Adds properties to a context of the job, which is an object or not set.
    void extend(std::string_view name, std::vector<expr::Field> fields);
    /// Evaluates the params of a call, for the nodes in it. Outer calls first.
    void enter(int call);

    /// The scalar with its expressions evaluated, checked against `type`. Nothing after a failure.
    std::optional<std::string> text(const config::Node& node, config::Scalar type,
                                    std::string_view choices = {});
    /// The scalars of a list, or the one scalar; those that fail are left out.
    std::vector<std::string> texts(const config::Node& node, config::Scalar type,
                                   std::string_view choices = {});
    /// As text(), by the row and with a value where there is none.
    std::string text_or(const config::Node* node, const config::Key& row, std::string fallback);
    /// `if`, as far as it can be decided without `later`. Nothing after a failure.
    std::optional<Decision> decide_at(const config::Node& condition, const Contexts& later);

    /// While it lives, a text that reads `needs` is kept for the end of the needs, as that place
    /// of the spec (inside the place of an Inside around it), and reads as "" now. Elsewhere such a
    /// text is refused.
    class Inside {
    public:
        Inside(Evaluation& evaluation, std::initializer_list<std::string_view> place);
        ~Inside();
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

    private:
        Evaluation& evaluation_;
        std::size_t length_;
    };
    /// Texts of steps may read `steps`, too, until it is set back.
    void set_reads_steps(bool reads_steps) { reads_steps_ = reads_steps; }
    /// What has been kept, in the order of evaluation.
    std::vector<LateText>& late() { return late_; }

    /// What expressions in the node may read.
    const expr::Context& context_of(const config::Node& node) {
        return context_of(node.place.call);
    }

    /// A diagnostic in byte `offset` of the scalar, and failed().
    void fail(const config::Node& node, std::size_t offset, std::string_view id,
              std::string message, std::string hint = {});
    bool failed() const { return failed_; }
    void set_failed(bool failed) { failed_ = failed; }
    /// While quiet, failures set failed() and tell nobody.
    void set_quiet(bool quiet) { quiet_ = quiet; }
    /// For which job and event a value did not work out: the same line may be right for others.
    std::string where() const;
    config::Diagnostics& diagnostics() { return diagnostics_; }

private:
    std::optional<std::string> keep(const config::Node& node, Folded folded, config::Scalar type,
                                    std::string_view choices);
    expr::Context& context_of(int call);
    /// Names as the plan knows them for those that a fragment writes, and for a param that reads
    /// `needs` what it was given.
    void resolve(expr::Ast& ast, int call) const;
    void resolve_call(expr::Ast& ast, int call) const;
    /// The value of a param as an expression, when it reads `needs`.
    std::optional<expr::Ast> late_param(const Param& param, const config::Node& given);

    const Input& input_;
    const Calls& calls_;
    int call_;
    std::string job_;
    config::Diagnostics& diagnostics_;
    expr::Context context_;                                        ///< of the job
    std::map<int, expr::Context> frames_;                          ///< of other calls
    std::map<int, std::map<std::string, expr::Ast>> late_params_;  ///< by call
    bool failed_ = false;
    bool quiet_ = false;
    bool reads_steps_ = false;
    std::string place_;
    std::vector<LateText> late_;
};

}  // namespace sluice::plan
