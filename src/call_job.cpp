// cachemodel: runs cached functions.
// SPDX-License-Identifier: MIT
#include "call_job.hpp"

#include <utility>

namespace cachemodel::detail {

void CallJob::load(std::span<KeyLoad* const> wanted) {
    for (KeyLoad* const each : wanted) {
        if (each->lead) each->lead->stand_in_line([this, each] { run_one(*each); });
    }
    for (KeyLoad* const each : wanted) {
        if (each->state != KeyLoad::State::pending) continue;
        run_one(*each);
        store_if_slow(*each);
    }
}

void CallJob::run_one(KeyLoad& load) {
    AnyCall& call = *static_cast<AnyCall*>(load.place);
    std::shared_ptr<const void> result;
    try {
        KeyLoad* const one = &load;
        const Run run{*this, {&one, 1}};
        result = call.run();
    } catch (...) {
        return failed(load, std::current_exception());
    }
    if (cache().is_bypass()) return found(load, std::move(result), nullptr);
    bool is_kept_out = false;
    try {
        is_kept_out = call.keeps_out(result.get());
    } catch (...) {  // a predicate of the user's
        count(&Counters::loads);
        return spoiled(load, std::current_exception());
    }
    is_kept_out ? kept_out(load, std::move(result)) : finish(load, std::move(result));
}

/// Reads the result back from what is to be stored, so that the first call and the later ones give
/// the same. Nothing is stored of one that cannot be read back.
void CallJob::finish(KeyLoad& load, std::shared_ptr<const void> result) {
    try {
        auto entry = std::make_shared<const PreparedEntry>(
            prepare_entry(cache(), load.key, life(load),
                          [&](CborWriter& writer) { table_.encode(writer, result.get()); }));
        const auto opened = open_entry(entry->bytes, load.key.in_envelope()).entry;
        const std::shared_ptr<void> read_back = table_.make();
        CborReader reader{opened.value().body};
        if (table_.decode(reader, read_back.get()) && reader.at_end()) {
            return found(load, read_back, std::move(entry));
        }
    } catch (...) {
        // A converter of the user's, or no memory: the result is returned all the same.
    }
    count(&Counters::store_failures);
    found(load, std::move(result), nullptr);
}

std::shared_ptr<const void> CallJob::take(KeyLoad&, const OpenedEntry& entry) {
    const std::shared_ptr<void> result = table_.make();
    const auto reason = decode_entry(entry, [&](CborReader& reader) {
        reader.every_member_required = true;  // the function knows it
        return table_.decode(reader, result.get());
    });
    return reason ? nullptr : result;
}

}  // namespace cachemodel::detail
