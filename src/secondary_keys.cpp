// cachemodel: the entries by which models are found under their secondary keys.
// SPDX-License-Identifier: MIT
#include "secondary_keys.hpp"

#include <algorithm>
#include <utility>

namespace cachemodel::detail {

EntryKey make_pointer_key(const ModelTable& table, std::string_view text) {
    const std::string& head = table.name().head;
    return make_entry_key(head + std::string{text}, head.size(), table.options.secret_keys);
}

void Pointers::add(const Cache& cache, const ModelTable& table, const void* object,
                   Lifetime lifetime) {
    if (table.secondary_keys.empty()) return;
    const std::string keys = encode_keys(table, object);
    std::vector<Kept> made;
    for (const SecondaryKey& secondary : table.secondary_keys) {
        std::string text;
        if (!secondary.append(text, object)) continue;
        EntryKey key = make_pointer_key(table, text);
        PreparedEntry entry =
            prepare_entry(cache, key, lifetime, [&](CborWriter& writer) { writer.raw(keys); });
        made.push_back({std::move(key), std::move(entry)});
    }
    for (Kept& each : made) {
        const Kept& kept = kept_.emplace_back(std::move(each));
        entries_.push_back({kept.key.stored, kept.entry.bytes, kept.entry.lifetime});
    }
}

std::string secondary_texts(const ModelTable& table, const void* object) {
    std::string texts;
    for (const SecondaryKey& secondary : table.secondary_keys) {
        secondary.append(texts, object);
        texts += '\n';  // in no text
    }
    return texts;
}

Outcome store_pointers(const Cache& cache, const ModelTable& table, const void* object,
                       Lifetime lifetime) {
    Pointers pointers;
    pointers.add(cache, table, object, lifetime);
    std::vector<Outcome> outcomes(pointers.size());
    if (pointers.size() != 0) cache.store_many(Store::set, pointers.entries(), outcomes);
    const auto failed = std::ranges::find_if(outcomes, &Outcome::failed);
    return failed == outcomes.end() ? Outcome{} : std::move(*failed);
}

std::vector<EntryKey> pointer_keys_at_hand(const ModelTable& table, const void* object) {
    std::vector<EntryKey> keys;
    if (table.secondary_keys.empty()) return keys;
    const AnyModel fresh{table};
    for (const SecondaryKey& secondary : table.secondary_keys) {
        std::string text;
        std::string text_of_new;
        if (!secondary.append(text, object)) continue;
        secondary.append(text_of_new, fresh.get());
        if (text != text_of_new) keys.push_back(make_pointer_key(table, text));
    }
    return keys;
}

}  // namespace cachemodel::detail
