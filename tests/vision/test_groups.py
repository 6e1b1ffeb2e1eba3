"""The everyday vocabulary covers ImageNet exactly once."""

from collections import Counter

import pytest
import torch

from core.vision import groups


def test_every_class_is_in_exactly_one_group():
    counts = Counter(index for text in groups.GROUPS.values() for index in groups.members(text))
    assert sorted(counts) == list(range(1000)) and set(counts.values()) == {1}
    assert len(groups.class_names()) == 1000


@pytest.mark.parametrize(("name", "group"), [("Chihuahua", "dog"), ("African elephant", "elephant"), ("pizza", "meal"), ("sports car", "car"),
                                             ("teddy", "teddy bear"), ("ice bear", "bear"), ("banana", "fruit or vegetable"), ("airliner", "aircraft"),
                                             ("sunglasses", "hat, mask or glasses"), ("red fox", "wolf or fox"), ("great white shark", "fish")])  # fmt: skip
def test_well_known_classes(name, group):
    assert list(groups.GROUPS)[groups.group_of()[groups.class_names().index(name)]] == group


@pytest.mark.parametrize(("file", "index"), [("n01440764_tench.jpg", 0), ("n02012849_crane.jpg", 134), ("n03126707_crane.jpg", 517),
                                             ("n02113186_Cardigan.jpg", 264), ("n02963159_cardigan.jpg", 474), ("n03594945_jeep.jpg", 609)])  # fmt: skip
def test_a_file_name_tells_its_class(file, index):
    assert groups.class_of_file(file) == index


def test_probabilities_are_summed():
    matrix = groups.group_matrix()
    assert torch.equal(matrix.sum(1), torch.ones(1000)) and (matrix.sum(0) > 0).all()
    said = torch.rand(3, 1000).softmax(1)
    dogs = list(groups.GROUPS).index("dog")
    assert torch.allclose((said @ matrix)[:, dogs], said[:, 151:269].sum(1) + said[:, 676])
