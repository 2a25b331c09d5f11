// cachemodel: loads models that were hit, and compares them.
// SPDX-License-Identifier: MIT
#include "model_verification.hpp"

namespace cachemodel::detail {

void ModelVerification::load(std::span<KeyLoad* const> wanted) {
    ModelJob::load(wanted);
    judge_each(wanted, [this](const KeyLoad& load) { judge(load); });
}

void ModelVerification::judge(const KeyLoad& load) {
    const auto& members = table().members;
    std::vector<std::string_view> different;
    if (load.state == KeyLoad::State::missing) {
        for (const auto& member : members) different.push_back(member.name);
        return verdicts_.refuted(load, different);
    }
    if (load.state != KeyLoad::State::found) return;
    std::string loaded;
    CborWriter writer{loaded};
    encode_members(writer, load.place, members);
    const auto hit = open_entry(load.standing, load.key.in_envelope()).entry;
    const auto ours = members_of(hit.value().body);
    const auto theirs = members_of(loaded);
    if (!ours || !theirs) return;
    for (std::size_t i = 0; i < members.size(); ++i) {
        if ((*ours)[i] != (*theirs)[i]) different.push_back(members[i].name);
    }
    different.empty() ? verdicts_.confirmed() : verdicts_.refuted(load, different);
}

/// What a reader would get of each, in bytes that are equal where the values are.
std::optional<ModelVerification::Texts> ModelVerification::members_of(std::string_view body) const {
    const AnyModel object{table()};
    if (!decode({.envelope = {}, .body = body}, object.get())) return std::nullopt;
    Texts texts;
    for (const auto& member : table().members) {
        CborWriter writer{texts.emplace_back()};
        writer.sorts = true;
        member.encode(writer, object.get());
    }
    return texts;
}

}  // namespace cachemodel::detail
