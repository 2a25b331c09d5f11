// cachemodel: names, keys and references of models without a type.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/model_table.hpp>

#include <new>
#include <vector>

#include "call_memory.hpp"
#include "type_names.hpp"

namespace cachemodel::detail {

ModelName make_model_name(const std::type_info& type, const ModelOptions& options) {
    ModelName name;
    name.name = options.name.empty() ? name_of_type(type) : std::string{options.name};
    if (name.name.empty()) {
        throw ConfigError("the model " + shown_name_of_type(type) +
                          " has no name that is the same in every build; give it one: "
                          "cache_options{.name = \"…\"}");
    }
    append_head(name.head, name.name, options.version);
    return name;
}

/// Room that is made at once for the names and values of keys.
constexpr std::size_t usual_keys_size = 40;

EntryKey make_model_key(const ModelTable& table, const void* object) {
    const ModelName& name = table.name();
    if (!keys_are_set(table, object)) {
        std::vector<std::string> unset;
        for (const auto& key : table.keys) {
            if (!key.is_set(object)) unset.emplace_back(key.name);
        }
        throw IncompleteKey(name.name, std::move(unset));
    }
    std::string text = SpareText::take();
    text.reserve(name.head.size() + usual_keys_size);
    text = name.head;
    for (const auto& key : table.keys) {
        if (&key != table.keys.data()) text += ',';
        append_escaped(text, key.name);
        text += '=';
        key.append(text, object);
    }
    return make_entry_key(std::move(text), name.head.size(), table.options.secret_keys);
}

bool keys_are_set(const ModelTable& table, const void* object) {
    for (const auto& key : table.keys) {
        if (!key.is_set(object)) return false;
    }
    return true;
}

std::string encode_keys(const ModelTable& table, const void* object) {
    if (!keys_are_set(table, object)) make_model_key(table, object);  // throws
    std::string keys;
    CborWriter writer{keys};
    writer.array(table.keys.size());
    for (const auto& key : table.keys) key.encode(writer, object);
    return keys;
}

bool decode_keys(CborReader& reader, const ModelTable& table, void* object) {
    std::size_t count = 0;
    if (!reader.array(count) || count != table.keys.size()) return false;
    for (const auto& key : table.keys) {
        if (!key.decode(reader, object)) return false;
    }
    return true;
}

void copy_keys(const ModelTable& table, void* to, const void* from) {
    for (const auto& key : table.keys) {
        if (key.is_set(from)) key.copy(to, from);
    }
}

namespace {

bool is_overaligned(const ModelTable& table) noexcept {
    return table.alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__;
}

void* allocate(const ModelTable& table) {
    if (!is_overaligned(table)) return ::operator new(table.size);
    return ::operator new (table.size, std::align_val_t{table.alignment});
}

void deallocate(const ModelTable& table, void* object) noexcept {
    if (!is_overaligned(table)) return ::operator delete(object);
    ::operator delete (object, std::align_val_t{table.alignment});
}

}  // namespace

AnyModel::AnyModel(const ModelTable& table) : table_(table), object_(allocate(table)) {
    try {
        table.construct(object_);
    } catch (...) {
        deallocate(table, object_);
        throw;
    }
}

AnyModel::~AnyModel() {
    if (object_ != nullptr) destroy_model(table_, object_);
}

void destroy_model(const ModelTable& table, void* object) noexcept {
    table.destroy(object);
    deallocate(table, object);
}

void encode_reference(CborWriter& writer, const ReferenceBase& reference) {
    if (reference.target() == nullptr) return writer.null();
    writer.raw(reference.target()->keys);
}

bool decode_reference(CborReader& reader, const ModelTable& target, ReferenceBase& reference) {
    reference = ReferenceBase{};
    if (reader.next_is_null()) return reader.null();
    std::string_view keys;
    if (reader.graph == nullptr || !reader.next_is_array() || !reader.skip(keys)) return false;
    Target* const found = reader.graph->find_or_add(target, keys);
    if (found == nullptr) return false;
    reference = ReferenceBase{found, reader.references_own_graph};
    return true;
}

const void* loaded_object(const ReferenceBase& reference, const ModelTable& table) {
    const Target* const target = reference.target();
    if (target == nullptr) {
        throw UnloadedReference("the reference to " + table.name().name + " is null");
    }
    if (!target->loaded) {
        throw UnloadedReference("the reference to " +
                                make_model_key(*target->table, target->object).stored +
                                " was not loaded");
    }
    return target->object;
}

bool same_keys(const ReferenceBase& a, const ReferenceBase& b) {
    if (a.target() == b.target()) return true;
    if (a.target() == nullptr || b.target() == nullptr) return false;
    if (a.target()->keys == b.target()->keys) return true;
    // Equal keys may be other bytes: of a container that has no order.
    const auto name = [](const Target& target) {
        return make_model_key(*target.table, target.object).in_envelope();
    };
    return name(*a.target()) == name(*b.target());
}

ReferenceBase make_reference(const ModelTable& table, void* object, bool loaded) {
    const GraphHandle graph;
    std::string keys = encode_keys(table, object);
    AnyModel copy{table};
    table.move(copy.get(), object);
    Target* const target = graph->add(table, std::move(keys), copy);
    target->loaded = loaded;
    return {target, true};
}

}  // namespace cachemodel::detail
