// cachemodel: the objects that one load brought, and who owns them.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/load_graph.hpp>

#include <cachemodel/detail/model_table.hpp>

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory_resource>
#include <optional>
#include <unordered_map>

namespace cachemodel::detail {

namespace {

// What references may name, also those that are not followed: a bound on what bytes can make us do.
constexpr std::size_t most_targets = 1'000'000;

/// Which object; its hash is computed once.
struct Identity {
    Identity(const ModelTable& table_, std::string_view keys_) noexcept
        : table(&table_),
          keys(keys_),
          hash(XXH3_64bits_withSeed(keys.data(), keys.size(),
                                    reinterpret_cast<std::uintptr_t>(table))) {}
    bool operator==(const Identity& other) const noexcept {
        return hash == other.hash && table == other.table && keys == other.keys;
    }

    const ModelTable* table;
    std::string_view keys;
    std::uint64_t hash;
};

struct HashIdentity {
    std::size_t operator()(const Identity& identity) const noexcept { return identity.hash; }
};

}  // namespace

struct LoadGraph::Index {
    using Targets = std::pmr::unordered_map<Identity, Target*, HashIdentity>;

    std::pmr::monotonic_buffer_resource memory;
    Targets by_bytes{&memory};  ///< by the targets' own `keys`
    Targets by_name{&memory};   ///< by model key
    std::deque<std::string> names;
};

LoadGraph::LoadGraph() = default;

LoadGraph::~LoadGraph() {
    for (Target* target = first_; target != nullptr;) {
        Target* const next = target->next;
        destroy_model(*target->table, target->object);
        delete target;
        target = next;
    }
}

void LoadGraph::release() noexcept {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(this);
}

void LoadGraph::destroy(LoadGraph* graph) noexcept {
    // Objects of this graph may hold the last share of another one, and so on down a chain of any
    // length: those wait in line instead of being destroyed from in here.
    thread_local LoadGraph* dying = nullptr;
    thread_local bool is_destroying = false;
    graph->next_dying_ = dying;
    dying = graph;
    if (is_destroying) return;
    is_destroying = true;
    while (dying != nullptr) delete std::exchange(dying, dying->next_dying_);
    is_destroying = false;
}

TooManyObjects::TooManyObjects(std::size_t most)
    : Error("one load brings more than " + std::to_string(most) + " objects") {}

Target* LoadGraph::add(const ModelTable& table, std::string keys, AnyModel& object) {
    auto target = std::make_unique<Target>();
    target->graph = this;
    target->table = &table;
    target->keys = std::move(keys);
    target->object = object.release();
    target->next = first_;
    first_ = target.get();
    return target.release();
}

Target* LoadGraph::find_or_add(const ModelTable& table, std::string_view keys) {
    if (!index_) index_ = std::make_unique<Index>();
    const auto known = index_->by_bytes.find({table, keys});
    if (known != index_->by_bytes.end()) return known->second;

    AnyModel object{table};
    CborReader reader{keys};
    if (!decode_keys(reader, table, object.get()) || !reader.at_end()) return nullptr;
    // Equal keys may be other bytes: of another program, or of a container that has no order.
    std::string own_keys = encode_keys(table, object.get());
    std::optional<Identity> name;  // where one key may have several encodings
    if (!std::ranges::all_of(table.keys, &KeyMember::has_one_encoding)) {
        name.emplace(table,
                     index_->names.emplace_back(make_model_key(table, object.get()).in_envelope()));
        const auto named = index_->by_name.find(*name);
        if (named != index_->by_name.end()) return named->second;
    } else if (own_keys != keys) {
        const auto encoded = index_->by_bytes.find({table, own_keys});
        if (encoded != index_->by_bytes.end()) return encoded->second;
    }

    if (index_->by_bytes.size() >= most_targets) throw TooManyObjects{most_targets};
    Target* const target = add(table, std::move(own_keys), object);
    if (name) index_->by_name.emplace(*name, target);
    index_->by_bytes.emplace(Identity{table, target->keys}, target);
    return target;
}

void LoadGraph::end_loading() noexcept { index_.reset(); }

}  // namespace cachemodel::detail
