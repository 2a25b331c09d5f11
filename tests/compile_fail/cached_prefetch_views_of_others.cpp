// cachemodel: prefetch does not convert to views inside of a parameter: their texts would be gone.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes views inside of arguments only from a container, whose
// expect: elements are exactly the parameter, or a std::tuple of exactly all of them: converted or
// expect: copied, they would show texts that are gone
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace cachemodel;

int length(std::optional<std::string_view> text);

const CachedFunction<&length> cached_length;

#ifdef CACHEMODEL_MISTAKE
using Texts = std::vector<std::optional<std::string>>;
#else
using Texts = std::vector<std::optional<std::string_view>>;
#endif

void use(const Texts& texts) { (void)cached_length.prefetch(texts); }
