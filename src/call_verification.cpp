// cachemodel: runs cached functions whose results were hit, and compares.
// SPDX-License-Identifier: MIT
#include "call_verification.hpp"

#include <memory>

namespace cachemodel::detail {

void CallVerification::load(std::span<KeyLoad* const> wanted) {
    CallJob::load(wanted);
    judge_each(wanted, [this](const KeyLoad& load) { judge(load); });
}

void CallVerification::judge(const KeyLoad& load) {
    if (load.state != KeyLoad::State::found) return;
    std::string returned;
    CborWriter writer{returned};
    table().encode(writer, load.product.get());
    const auto hit = open_entry(load.standing, load.key.in_envelope()).entry;
    const auto ours = result_in(hit.value().body);
    const auto theirs = result_in(returned);
    if (!ours || !theirs) return;
    if (*ours == *theirs) return verdicts_.confirmed();
    constexpr std::string_view result = "result";
    count_round_trip();
    verdicts_.refuted(load, {&result, 1});
}

/// What a caller would get, in bytes that are equal where the results are.
std::optional<std::string> CallVerification::result_in(std::string_view body) const {
    const std::shared_ptr<void> result = table().make();
    const auto reason = decode_entry({.envelope = {}, .body = body}, [&](CborReader& reader) {
        reader.every_member_required = true;  // the function knows it
        return table().decode(reader, result.get());
    });
    if (reason) return std::nullopt;
    std::string bytes;
    CborWriter writer{bytes};
    writer.sorts = true;
    table().encode(writer, result.get());
    return bytes;
}

}  // namespace cachemodel::detail
