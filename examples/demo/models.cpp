// cachemodel: the demo: what is cached, and how it is loaded where it is not.
// SPDX-License-Identifier: MIT
#include "demo/models.hpp"

#include <cachemodel/error.hpp>

#include <utility>

namespace demo {

namespace {

std::optional<std::string> optional_text(const Statement& row, int column) {
    auto text = row.text(column);
    return text.empty() ? std::nullopt : std::optional{std::move(text)};
}

/// Asks for all that is wanted at once. `read` makes an object of a row.
template <class M, class Read>
std::vector<M> load_many(std::span<const M> wanted, Source& source, std::string_view table,
                         std::string_view columns, Read read) {
    std::vector<std::string> codes;
    codes.reserve(wanted.size());
    for (const M& each : wanted) codes.push_back(*each.code);

    std::vector<M> loaded;
    loaded.reserve(wanted.size());
    source.look_up(table, columns, codes,
                   [&](const Statement& row) { loaded.push_back(read(row)); });
    return loaded;
}

/// The one object, by way of the many: there is one query to keep right.
template <class M>
void load_one(M& wanted, Source& source) {
    auto loaded = M::from_miss_many(std::span<const M>{&wanted, 1}, source);
    if (loaded.empty()) throw cachemodel::Missing{};
    wanted = std::move(loaded.front());
}

}  // namespace

std::vector<Country> Country::from_miss_many(std::span<const Country> wanted, Source& source) {
    return load_many(wanted, source, "country", "code, alpha_3, number, name, official_name, flag",
                     [](const Statement& row) {
                         return Country{.code = row.text(0),
                                        .alpha_3 = row.text(1),
                                        .number = row.text(2),
                                        .name = row.text(3),
                                        .official_name = optional_text(row, 4),
                                        .flag = row.text(5)};
                     });
}

std::vector<Subdivision> Subdivision::from_miss_many(std::span<const Subdivision> wanted,
                                                     Source& source) {
    using cachemodel::Reference;
    return load_many(wanted, source, "subdivision", "code, name, type, country, parent",
                     [](const Statement& row) {
                         Subdivision subdivision{.code = row.text(0),
                                                 .name = row.text(1),
                                                 .type = row.text(2),
                                                 .country = Reference<Country>::to(row.text(3)),
                                                 .parent = {}};
                         if (const auto parent_code = optional_text(row, 4)) {
                             subdivision.parent = Reference<Subdivision>::to(*parent_code);
                         }
                         return subdivision;
                     });
}

std::vector<Currency> Currency::from_miss_many(std::span<const Currency> wanted, Source& source) {
    return load_many(wanted, source, "currency", "code, number, name", [](const Statement& row) {
        return Currency{.code = row.text(0), .number = row.text(1), .name = row.text(2)};
    });
}

std::vector<Language> Language::from_miss_many(std::span<const Language> wanted, Source& source) {
    return load_many(wanted, source, "language", "code, alpha_2, name, scope, type",
                     [](const Statement& row) {
                         return Language{.code = row.text(0),
                                         .alpha_2 = optional_text(row, 1),
                                         .name = row.text(2),
                                         .scope = row.text(3),
                                         .type = row.text(4)};
                     });
}

void Country::from_miss(Source& source) { load_one(*this, source); }
void Subdivision::from_miss(Source& source) { load_one(*this, source); }
void Currency::from_miss(Source& source) { load_one(*this, source); }
void Language::from_miss(Source& source) { load_one(*this, source); }

}  // namespace demo
