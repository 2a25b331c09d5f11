// cachemodel: the objects that one load brought, and who owns them.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/load_graph.hpp>

#include <cachemodel/detail/model_table.hpp>

#include <deque>
#include <unordered_map>

namespace cachemodel::detail {

namespace {

// What references may name, also those that are not followed: a bound on what bytes can make us do.
constexpr std::size_t most_targets = 1'000'000;

struct Identity {
    const ModelTable* table;
    std::string_view keys;

    bool operator==(const Identity&) const noexcept = default;
};

struct HashIdentity {
    std::size_t operator()(const Identity& identity) const noexcept {
        return std::hash<std::string_view>{}(identity.keys) ^
               std::hash<const void*>{}(identity.table);
    }
};

}  // namespace

struct LoadGraph::Index {
    using Targets = std::unordered_map<Identity, Target*, HashIdentity>;

    Targets by_bytes;  ///< by the targets' own `keys`
    Targets by_name;   ///< by model key
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
    const auto known = index_->by_bytes.find({&table, keys});
    if (known != index_->by_bytes.end()) return known->second;

    AnyModel object{table};
    CborReader reader{keys};
    if (!decode_keys(reader, table, object.get()) || !reader.at_end()) return nullptr;
    // Equal keys may be other bytes: of another program, or of a container that has no order.
    const Identity name{
        &table, index_->names.emplace_back(make_model_key(table, object.get()).in_envelope())};
    const auto named = index_->by_name.find(name);
    if (named != index_->by_name.end()) return named->second;

    if (index_->by_name.size() >= most_targets) throw TooManyObjects{most_targets};
    Target* const target = add(table, encode_keys(table, object.get()), object);
    index_->by_name.emplace(name, target);
    index_->by_bytes.emplace(Identity{&table, target->keys}, target);
    return target;
}

void LoadGraph::end_loading() noexcept { index_.reset(); }

}  // namespace cachemodel::detail
