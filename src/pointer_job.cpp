// cachemodel: asks a source which models have the values of a secondary key.
// SPDX-License-Identifier: MIT
#include "pointer_job.hpp"

#include <chrono>
#include <utility>

#include "cache_core.hpp"

namespace cachemodel::detail {

void renew(const ModelTable& table, void* object) {
    const AnyModel fresh{table};
    table.move(object, fresh.get());
}

KeyQuestion* PointerJob::ask(const void* values, void* object) {
    return &questions_.emplace_back(KeyQuestion{.values = values, .object = object});
}

KeyQuestion* PointerJob::ask_by_copy(const void* values) {
    auto copy = source_.keys.copy(values);
    KeyQuestion* const question = ask(copy.get(), objects_.emplace_back(table()).get());
    question->owner = std::move(copy);
    return question;
}

void PointerJob::load(std::span<KeyLoad* const> wanted) {
    for (KeyLoad* const each : wanted) {
        ask_one(*each);
        store_if_slow(*each);
    }
}

void PointerJob::ask_one(KeyLoad& load) {
    KeyQuestion& question = *static_cast<KeyQuestion*>(load.place);
    question.asked_at = std::chrono::steady_clock::now();
    bool is_there = false;
    try {
        KeyLoad* const one = &load;
        const Run run{*this, {&one, 1}};
        renew(table(), question.object);
        is_there = source_.keys.find(source_.contexts, question.values, question.object);
        if (is_there) (void)make_model_key(table(), question.object);  // throws where one is unset
    } catch (const Missing& error) {
        // One that names a model came from a load of something else.
        return error.model().empty() ? missing(load) : failed(load, std::current_exception());
    } catch (...) {
        return failed(load, std::current_exception());
    }
    is_there ? finish(load) : missing(load);
}

/// Where it is stored, that is done unseen: whoever reads a pointer looks at what it leads to.
void PointerJob::finish(KeyLoad& load) {
    if (cache().is_bypass()) return found(load, nullptr, nullptr);
    const KeyQuestion& question = *static_cast<KeyQuestion*>(load.place);
    std::shared_ptr<const FoundKeys> answer;
    std::shared_ptr<const PreparedEntry> entry;
    try {
        answer = std::make_shared<const FoundKeys>(
            FoundKeys{encode_keys(table(), question.object), question.asked_at});
        // For as long as what it leads to, be that stale.
        if (source_.stores_keys) {
            entry = std::make_shared<const PreparedEntry>(
                prepare_entry(cache(), load.key, life(load).in_all(),
                              [&](CborWriter& writer) { writer.raw(answer->keys); }));
        }
    } catch (...) {  // a converter of the user's, or no memory: it cannot be handed on
        cache().core().counters.store_failures += 1;
        return found(load, nullptr, nullptr);
    }
    found(load, std::move(answer), std::move(entry));
}

std::shared_ptr<const void> PointerJob::take(KeyLoad&, const OpenedEntry& entry) {
    if (source_.is_asked_anyway) return nullptr;
    const AnyModel object{table()};
    const auto reason = decode_entry(
        entry, [&](CborReader& reader) { return decode_keys(reader, table(), object.get()); });
    if (reason) return nullptr;
    return std::make_shared<const FoundKeys>(FoundKeys{std::string{entry.body}});
}

std::shared_ptr<const void> PointerJob::missing_product(const KeyLoad& load) {
    const KeyQuestion& question = *static_cast<const KeyQuestion*>(load.place);
    return std::make_shared<const FoundKeys>(FoundKeys{{}, question.asked_at});
}

}  // namespace cachemodel::detail
